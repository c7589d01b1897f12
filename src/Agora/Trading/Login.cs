using System.Text.Json.Serialization;

namespace Agora.Trading;

/// <summary>A login that later commands use.</summary>
/// <param name="Role"><c>seller</c> or <c>buyer</c>.</param>
/// <param name="Profile">Keeps several logins of one role apart; empty by default.</param>
/// <param name="Servers">The servers that know it. Lists that share a server belong to the same marketplace.</param>
/// <param name="Username">The name of the account, for people.</param>
/// <param name="Token">The session's token.</param>
internal sealed record Login(string Role, string Profile, IReadOnlyList<string> Servers, string Username, string Token)
{
    public bool Serves(string role, string profile, IReadOnlyList<string> servers) =>
        Role == role && Profile == profile && Servers.Intersect(servers, StringComparer.OrdinalIgnoreCase).Any();

    /// <summary>The login is one that this program may have written: its token fits into a header.</summary>
    [JsonIgnore]
    public bool IsValid =>
        Servers.All(server => server is not null) && Token.Length > 0 && Token.All(c => c is > ' ' and <= '~');

    /// <summary>Role and name, without the token, which must not be printed.</summary>
    public override string ToString() => $"{Role} {Username}";
}
