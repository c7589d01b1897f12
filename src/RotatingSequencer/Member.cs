using System.Buffers.Binary;
using System.Security.Cryptography;
using RotatingSequencer.Hosting;
using RotatingSequencer.Journal;

namespace RotatingSequencer;

/// <summary>
/// A member of a group that delivers the same payloads in the same order at every member, over UDP, with the rotating-sequencer
/// protocol. Thread-safe.
/// </summary>
public sealed class Member : IAsyncDisposable
{
    private readonly MemberLoop _loop;

    private Member(MemberLoop loop) => _loop = loop;

    /// <summary>
    /// Starts a member: reads its journal, binds its UDP port, and delivers to <paramref name="handler"/> from where that stands.
    /// </summary>
    /// <exception cref="ArgumentException">The options are wrong.</exception>
    /// <exception cref="IOException">The journal's directory cannot be used, or another process uses it.</exception>
    /// <exception cref="System.Net.Sockets.SocketException">The UDP port cannot be bound.</exception>
    /// <exception cref="InvalidDataException">The journal is damaged, or of another version; the message names the file.</exception>
    /// <exception cref="JournalLostException">Journal and application do not belong together, or to this member.</exception>
    public static Task<Member> StartAsync(MemberOptions options, IDeliveryHandler handler, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(handler);
        options.Validate();
        return Task.Run(() => Start(options, handler), cancellationToken);
    }

    /// <summary>Completes when the member has stopped; faults when it had to, because of its journal, the handler or a broken rule.</summary>
    public Task Completion => _loop.Completion;

    /// <summary>What this member knows now.</summary>
    public MemberStatus Status => _loop.Status;

    /// <summary>
    /// Broadcasts a payload; completes with the handler's result once it is delivered here, which implies that a majority holds it.
    /// </summary>
    /// <param name="payload">At most 1 MiB; not to be changed before the call completes.</param>
    /// <param name="cancellationToken">Ends the wait; the payload may be delivered all the same.</param>
    /// <exception cref="OverloadedException">Too much waits already. Nothing was sent.</exception>
    /// <exception cref="MemberStoppedException">The member stopped; whether the payload is delivered is unknown.</exception>
    public Task<ReadOnlyMemory<byte>> BroadcastAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, Protocol.SubmissionQueue.MaximumPayload, nameof(payload));
        return _loop.Broadcast(payload).WaitAsync(cancellationToken);
    }

    /// <summary>
    /// Completes once everything that was delivered at any member before the call has been delivered here: a read of the application's
    /// state then is linearizable. Orders no message; concurrent callers share a round.
    /// </summary>
    /// <exception cref="MemberStoppedException">The member stopped.</exception>
    public Task ReadBarrierAsync(CancellationToken cancellationToken = default) => _loop.ReadBarrier().WaitAsync(cancellationToken);

    /// <summary>Stops the member. What it holds stays in its journal; calls that wait fail with <see cref="MemberStoppedException"/>.</summary>
    public ValueTask DisposeAsync() => _loop.StopAsync();

    private static Member Start(MemberOptions options, IDeliveryHandler handler)
    {
        // Each journal, and without one each life, has an incarnation of its own; never 0, which stands for unknown.
        var incarnation = BinaryPrimitives.ReadInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(long))) | 1;
        var fresh = JournalState.Fresh(options.Id, options.Members.Count, incarnation);
        if (options.JournalDirectory is not { } directory)
        {
            return handler.Applied < 0
                ? new Member(MemberLoop.Start(options, handler, fresh, null))
                : throw new JournalLostException(
                    $"The application has applied up to {handler.Applied}, but this member runs without a journal and can only begin at 0. "
                    + "Give it a journal directory, or an empty application.");
        }

        var journal = JournalFile.Open(directory, fresh, out var state);
        try
        {
            return state.Self == options.Id && state.DroppedLocals.Length == options.Members.Count
                ? new Member(MemberLoop.Start(options, handler, state, journal))
                : throw new JournalLostException(
                    $"The journal in {directory} is of member {state.Self} of {state.DroppedLocals.Length}, not of member {options.Id} of {options.Members.Count}.");
        }
        catch
        {
            journal.Dispose();
            throw;
        }
    }
}
