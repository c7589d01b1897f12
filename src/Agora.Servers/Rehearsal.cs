using System.Collections.Concurrent;
using System.ComponentModel;
using System.Globalization;
using System.Runtime.InteropServices;
using Google.Protobuf;
using Microsoft.Extensions.Configuration;

namespace Agora.Servers;

/// <summary>
/// Failures between any two steps of a purchase, rehearsed with real processes: where the cardholder is called <c>stop 2 before Charge</c>, the
/// process of buyer server 2 stops itself (SIGSTOP) before that step, once. Whoever rehearses then kills it, or something else, and lets it go
/// on. Off unless the setting <c>Agora:Rehearsal</c> is <c>on</c>; nobody's marketplace has it.
/// </summary>
internal sealed partial class Rehearsal
{
    /// <summary>Nothing is done yet.</summary>
    public const string Checkout = "GetCheckout";

    /// <summary>The purchase is decided, its buyer not yet told.</summary>
    public const string Answer = "Answer";

    private readonly string _words;
    private readonly ConcurrentDictionary<ByteString, string> _stops = [];

    private Rehearsal(int server) => _words = string.Create(CultureInfo.InvariantCulture, $"stop {server} before ");

    /// <summary>Null where the setting is off.</summary>
    public static Rehearsal? From(IConfiguration configuration, int server) => configuration["Agora:Rehearsal"] == "on" ? new(server) : null;

    /// <summary>What dead servers leave behind is settled sooner, so that a rehearsal need not wait for long.</summary>
    public static ServerSettings Hasten(ServerSettings settings) =>
        settings with { AbandonedAfter = settings.CallDeadline + TimeSpan.FromSeconds(4), RecoveryInterval = TimeSpan.FromSeconds(4) };

    public void Plan(ByteString purchaseId, Card card)
    {
        if (card.CardholderName.StartsWith(_words, StringComparison.Ordinal))
        {
            _stops[purchaseId] = card.CardholderName[_words.Length..];
        }
    }

    public void Before(string step, ByteString purchaseId)
    {
        if (_stops.TryRemove(KeyValuePair.Create(purchaseId, step)) && Kill(Environment.ProcessId, SigStop) != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), "the process cannot stop itself");
        }
    }

    // Of Linux; macOS has another number, where this is not rehearsed.
    private const int SigStop = 19;

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int pid, int signal);
}
