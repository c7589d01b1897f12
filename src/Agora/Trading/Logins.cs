using System.Text.Json;
using System.Text.Json.Serialization;
using Agora.Launcher;

namespace Agora.Trading;

/// <summary>
/// The file that keeps a user's logins. Only its owner can read it. It is replaced whole, so a reader never sees half
/// of it. Writers lock a second file, so two commands at once do not lose each other's login.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="warn">Receives a warning if other users could read the file.</param>
internal sealed class Logins(string path, Action<string> warn)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Others =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    private static readonly string s_otherFile = $"name another file with {User.LoginFileVariable}";

    public Login? Find(string role, string profile, IReadOnlyList<string> servers) =>
        Read().FirstOrDefault(login => login.Serves(role, profile, servers));

    /// <summary>Saves a login, in place of the one that it replaces.</summary>
    public Task SaveAsync(Login login, CancellationToken cancellationToken) =>
        ChangeAsync(
            logins => [.. logins.Where(other => !other.Serves(login.Role, login.Profile, login.Servers)), login],
            cancellationToken
        );

    public Task ForgetAsync(
        string role,
        string profile,
        IReadOnlyList<string> servers,
        CancellationToken cancellationToken
    ) => ChangeAsync(logins => [.. logins.Where(login => !login.Serves(role, profile, servers))], cancellationToken);

    private Login[] Read()
    {
        if (Directory.Exists(path))
        {
            throw new IOException(
                $"{path}, which should hold the logins, is a directory: move it away, or {s_otherFile}."
            );
        }

        if (Posix.IsSpecialFile(path))
        {
            throw new IOException($"{path}, which should hold the logins, is not a regular file: {s_otherFile}.");
        }

        try
        {
            using var file = File.OpenRead(path);
            CloseToOthers(file);
            var logins = JsonSerializer.Deserialize(file, LoginsJson.Default.LoginArray);
            return logins is not null && logins.All(login => login is { IsValid: true })
                ? logins
                : throw new JsonException();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return [];
        }
        catch (JsonException e)
        {
            throw new IOException($"{path} does not hold logins any more: delete it and log in again.", e);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or NotSupportedException)
        {
            throw new IOException(
                $"{path}, which holds the logins, cannot be read: make it yours, or delete it and log in again.",
                e
            );
        }
    }

    /// <summary>Takes other users' permissions away: a login that they can read, they can use.</summary>
    private void CloseToOthers(FileStream file)
    {
        if (OperatingSystem.IsWindows() || (File.GetUnixFileMode(file.SafeFileHandle) & Others) == 0)
        {
            return;
        }

        try
        {
            File.SetUnixFileMode(file.SafeFileHandle, OwnerOnly);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException(
                $"{path}, which holds the logins, is open to others and does not belong to you: {s_otherFile}.",
                e
            );
        }

        warn(
            $"{path}, which holds your logins, was open to others; now only you can read it. "
                + "Log out to end logins that others may have read."
        );
    }

    private async Task ChangeAsync(Func<Login[], Login[]> change, CancellationToken cancellationToken)
    {
        try
        {
            await WriteAsync(change, cancellationToken);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{path}, which holds the logins, cannot be written: {s_otherFile}.", e);
        }
    }

    private async Task WriteAsync(Func<Login[], Login[]> change, CancellationToken cancellationToken)
    {
        var directory = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(directory);
        }
        else
        {
            Directory.CreateDirectory(directory, OwnerOnly | UnixFileMode.UserExecute);
        }

        using var held = await LockAsync(cancellationToken);
        var temporary = path + ".new";
        File.Delete(temporary);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
        {
            options.UnixCreateMode = OwnerOnly;
        }

        using (FileStream file = new(temporary, options))
        {
            JsonSerializer.Serialize(file, change(Read()), LoginsJson.Default.LoginArray);
        }

        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>Takes a lock that one process holds at a time. The system releases it when that process ends.</summary>
    private async Task<FileStream> LockAsync(CancellationToken cancellationToken)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (attempt < 100 && File.Exists(path + ".lock"))
            {
                // Another command is writing, which takes a millisecond or two.
                await Task.Delay(20, cancellationToken);
            }
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    WriteIndented = true,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true
)]
[JsonSerializable(typeof(Login[]))]
internal sealed partial class LoginsJson : JsonSerializerContext;
