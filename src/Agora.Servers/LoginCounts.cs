using System.Net;

namespace Agora.Servers;

/// <summary>
/// Counts the logins of each username within a minute, so that guessing is slow: those from one client and, with a much
/// higher bound, those from all. So a stranger who guesses locks out himself and not the owner, unless he has many
/// addresses; and even then he guesses slowly.
/// </summary>
internal sealed class LoginCounts(TimeProvider time, int allowed)
{
    /// <summary>All clients together may fail this many times as often as one.</summary>
    public const int AllClients = 10;

    private readonly MinuteCounts<(string, IPAddress)> _ofClient = new(time, allowed);
    private readonly MinuteCounts<string> _ofAll = new(time, AllClients * allowed);

    /// <summary>How long this client must wait before it may try this username again; null if it may now.</summary>
    public TimeSpan? Wait(string username, IPAddress client) =>
        _ofClient.Wait((username, client)) ?? _ofAll.Wait(username);

    public void Add(string username, IPAddress client)
    {
        _ofClient.Add((username, client));
        _ofAll.Add(username);
    }
}
