using System.Text.Json;
using System.Text.Json.Serialization;

namespace Agora.Trading;

/// <summary>A login that later commands go on with.</summary>
/// <param name="Role"><c>seller</c> or <c>buyer</c>.</param>
/// <param name="Profile">Keeps several logins of one role apart; empty unless named.</param>
/// <param name="Servers">Where it is known. Lists that share a server belong to the same marketplace.</param>
/// <param name="Username">For people.</param>
/// <param name="Token">The session's token.</param>
internal sealed record Login(string Role, string Profile, IReadOnlyList<string> Servers, string Username, string Token)
{
    public bool Serves(string role, string profile, IReadOnlyList<string> servers) =>
        Role == role && Profile == profile && Servers.Intersect(servers, StringComparer.OrdinalIgnoreCase).Any();

    /// <summary>As this program writes it: the token can stand in a header.</summary>
    [JsonIgnore]
    public bool IsWhole =>
        Servers.All(server => server is not null) && Token.Length > 0 && Token.All(c => c is > ' ' and <= '~');

    /// <summary>Without the token, which is not for printing.</summary>
    public override string ToString() => $"{Role} {Username}";
}

/// <summary>
/// The file in which a user's logins are kept. Only its owner can read it. It is replaced whole, so that a reader never
/// sees half of it; writers take turns by a second file, so that two commands at once do not lose each other's login.
/// </summary>
/// <param name="path">The file.</param>
/// <param name="warn">Told where others could read it.</param>
internal sealed class Logins(string path, Action<string> warn)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Others =
        UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    private static readonly string s_otherFile = $"name another file with {User.LoginFileVariable}";

    public Login? Find(string role, string profile, IReadOnlyList<string> servers) =>
        Read().FirstOrDefault(login => login.Serves(role, profile, servers));

    /// <summary>Keeps a login in place of the one that it replaces.</summary>
    public Task KeepAsync(Login login, CancellationToken cancel) =>
        ChangeAsync(logins => [.. logins.Where(other => !other.Serves(login.Role, login.Profile, login.Servers)), login], cancel);

    public Task ForgetAsync(string role, string profile, IReadOnlyList<string> servers, CancellationToken cancel) =>
        ChangeAsync(logins => [.. logins.Where(login => !login.Serves(role, profile, servers))], cancel);

    private Login[] Read()
    {
        if (Directory.Exists(path))
        {
            throw new IOException(
                $"{path}, which should hold the logins, is a directory: move it away, or {s_otherFile}.");
        }
        try
        {
            using var file = File.OpenRead(path);
            CloseToOthers(file);
            var logins = JsonSerializer.Deserialize(file, LoginsJson.Default.LoginArray);
            return logins is not null && logins.All(login => login is { IsWhole: true })
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
                $"{path}, which holds the logins, cannot be read: make it yours, or delete it and log in again.", e);
        }
    }

    /// <summary>A login that others can read is theirs as well.</summary>
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
                $"{path}, which holds the logins, is open to others and is not yours: {s_otherFile}.", e);
        }
        warn(
            $"{path}, which holds your logins, was open to others; now it is yours alone. "
            + "Log out to end those that somebody may have read.");
    }

    private async Task ChangeAsync(Func<Login[], Login[]> change, CancellationToken cancel)
    {
        try
        {
            await WriteAsync(change, cancel);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"{path}, which holds the logins, cannot be written: {s_otherFile}.", e);
        }
    }

    private async Task WriteAsync(Func<Login[], Login[]> change, CancellationToken cancel)
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
        using var turn = await TakeTurnAsync(cancel);
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

    /// <summary>Held by one process at a time; let go by the system when that process ends, however it ends.</summary>
    private async Task<FileStream> TakeTurnAsync(CancellationToken cancel)
    {
        for (var attempt = 0; ; attempt++)
        {
            try
            {
                return new FileStream(path + ".lock", FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
            }
            catch (IOException) when (attempt < 100 && File.Exists(path + ".lock"))
            {
                // Another command is writing, which takes it a millisecond or two.
                await Task.Delay(20, cancel);
            }
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true, RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Login[]))]
internal sealed partial class LoginsJson : JsonSerializerContext;
