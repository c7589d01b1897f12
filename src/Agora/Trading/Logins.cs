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

    /// <summary>Without the token, which is not for printing.</summary>
    public override string ToString() => $"{Role} {Username}";
}

/// <summary>
/// The file in which a user's logins are kept. Only its owner can read it. It is replaced whole, so that a reader never sees half of it;
/// writers take turns by a second file, so that two commands at once do not lose each other's login.
/// </summary>
internal sealed class Logins(string path)
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public Login? Find(string role, string profile, IReadOnlyList<string> servers) =>
        Read().FirstOrDefault(login => login.Serves(role, profile, servers));

    /// <summary>Keeps a login in place of the one that it replaces.</summary>
    public Task KeepAsync(Login login, CancellationToken cancel) =>
        ChangeAsync(logins => [.. logins.Where(other => !other.Serves(login.Role, login.Profile, login.Servers)), login], cancel);

    public Task ForgetAsync(string role, string profile, IReadOnlyList<string> servers, CancellationToken cancel) =>
        ChangeAsync(logins => [.. logins.Where(login => !login.Serves(role, profile, servers))], cancel);

    private Login[] Read()
    {
        try
        {
            using var file = File.OpenRead(path);
            return JsonSerializer.Deserialize(file, LoginsJson.Default.LoginArray) ?? [];
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return [];
        }
        catch (JsonException e)
        {
            throw new IOException($"{path} does not hold logins any more: delete it and log in again.", e);
        }
    }

    private async Task ChangeAsync(Func<Login[], Login[]> change, CancellationToken cancel)
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
        using (var file = new FileStream(temporary, options))
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

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, WriteIndented = true)]
[JsonSerializable(typeof(Login[]))]
internal sealed partial class LoginsJson : JsonSerializerContext;
