using System.Buffers.Binary;
using System.Security.Cryptography;
using RotatingSequencer.Core;
using RotatingSequencer.Hosting;
using RotatingSequencer.Journal;
using RotatingSequencer.Wire;

namespace RotatingSequencer;

/// <summary>
/// A member of a group that delivers the same payloads in the same order at every member, over UDP, with the
/// rotating-sequencer protocol. Thread-safe.
/// </summary>
public sealed class Member : IAsyncDisposable
{
    /// <summary>A member that was not heard from for this long counts as unreachable.</summary>
    public static readonly TimeSpan ReachableWithin = TimeSpan.FromSeconds(3);

    /// <summary>The version of the datagrams that this program speaks.</summary>
    public const int DatagramVersion = Datagram.Version;

    private readonly MemberLoop _loop;

    private Member(MemberLoop loop) => _loop = loop;

    /// <summary>
    /// Starts a member: reads its journal, binds its UDP port, and delivers to <paramref name="handler"/> everything
    /// that comes after <see cref="IDeliveryHandler.Applied"/>.
    /// </summary>
    /// <param name="options">How the member runs.</param>
    /// <param name="handler">The application.</param>
    /// <param name="cancellationToken">Cancels the start, as long as it has not begun.</param>
    /// <returns>The running member.</returns>
    /// <exception cref="ArgumentException">An option is wrong, missing or out of bounds; or the application has applied
    /// something, and there is no journal directory.</exception>
    /// <exception cref="IOException">The journal's directory cannot be used, or another process uses it.</exception>
    /// <exception cref="UnauthorizedAccessException">This process may not use the journal's directory or
    /// files.</exception>
    /// <exception cref="JournalDamagedException">The journal is damaged. Its files are as they were.</exception>
    /// <exception cref="InvalidDataException">The journal is of another version; the message names the
    /// file.</exception>
    /// <exception cref="JournalLostException">The journal does not fit the application's state, or belongs to another
    /// member or a group of another size.</exception>
    /// <exception cref="System.Net.Sockets.SocketException">The UDP port cannot be bound.</exception>
    /// <exception cref="OperationCanceledException">The start was cancelled.</exception>
    public static Task<Member> StartAsync(
        MemberOptions options,
        IDeliveryHandler handler,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(handler);
        options.Validate();
        return Task.Run(() => Start(options, handler), cancellationToken);
    }

    /// <summary>
    /// Takes a journal out of the way that is damaged or lost: moves its files into a new directory in
    /// <c>set-aside</c> in the journal's directory, with the reason in a text file. Nothing is deleted.
    /// </summary>
    /// <param name="directory">The journal's directory; no member may use it.</param>
    /// <param name="reason">Why, for people to read.</param>
    /// <returns>Where the files are now; null when the directory holds no journal.</returns>
    /// <exception cref="IOException">A member uses the directory, or it cannot be used.</exception>
    /// <exception cref="UnauthorizedAccessException">This process may not use the directory or its files.</exception>
    public static string? SetAsideJournal(string directory, string reason) => JournalFile.SetAside(directory, reason);

    /// <summary>
    /// Completes when the member has stopped. It faults when the member had to stop: with
    /// <see cref="JournalLostException"/>, <see cref="MemberReplacedException"/> or
    /// <see cref="ProtocolViolationException"/>, with the <see cref="IOException"/> of its journal, the
    /// <see cref="System.Net.Sockets.SocketException"/> of its port, or what its handler threw.
    /// </summary>
    public Task Completion => _loop.Completion;

    /// <summary>What this member knows now.</summary>
    public MemberStatus Status => _loop.Status;

    /// <summary>What this member knows of the others, and what it has counted since its start.</summary>
    public MemberDetails Details => _loop.Details;

    /// <summary>
    /// Broadcasts a payload. It completes with the handler's result once the payload is delivered here; then a majority
    /// holds it. It waits while a member is down, without an end of its own.
    /// </summary>
    /// <param name="payload">At most 1 MiB; do not change it before the call completes.</param>
    /// <param name="cancellationToken">Ends the wait; the payload may be delivered all the same.</param>
    /// <returns>What <see cref="IDeliveryHandler.Deliver"/> put into its results for this payload.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The payload is too long.</exception>
    /// <exception cref="OverloadedException">Too much waits already. Nothing was sent.</exception>
    /// <exception cref="MemberStoppedException">The member stopped; whether the payload is delivered is
    /// unknown.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public Task<ReadOnlyMemory<byte>> BroadcastAsync(
        ReadOnlyMemory<byte> payload,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(payload.Length, SubmissionQueue.MaxPayload, nameof(payload));
        return _loop.Broadcast(payload).WaitAsync(cancellationToken);
    }

    /// <summary>
    /// Completes once everything that was delivered at any member before the call is applied here: a read of the
    /// application's state is then linearizable. No message is ordered for it, and concurrent callers share a round. It
    /// waits while no majority answers, without an end of its own.
    /// </summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The wait.</returns>
    /// <exception cref="MemberStoppedException">The member stopped.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public Task ReadBarrierAsync(CancellationToken cancellationToken = default) =>
        _loop.ReadBarrier().WaitAsync(cancellationToken);

    /// <summary>
    /// Runs a function between two deliveries, on the thread that delivers. With the header, another member can begin
    /// with the state that the application has at that moment; see <see cref="MemberOptions.FetchState"/>.
    /// </summary>
    /// <param name="capture">Begins a copy of the application's state, and returns soon.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <typeparam name="T">What the function returns.</typeparam>
    /// <returns>The header of the state, opaque, and the function's result. An exception of the function is the
    /// caller's; the member goes on.</returns>
    /// <exception cref="ArgumentNullException">There is no function.</exception>
    /// <exception cref="MemberStoppedException">The member stopped, or has no state yet.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled; the function may run all the
    /// same.</exception>
    public Task<(ReadOnlyMemory<byte> Header, T Captured)> CaptureAsync<T>(
        Func<T> capture,
        CancellationToken cancellationToken = default
    )
    {
        ArgumentNullException.ThrowIfNull(capture);
        return _loop.CaptureAsync(capture).WaitAsync(cancellationToken);
    }

    /// <summary>
    /// Stops the member. Its journal keeps what it holds; waiting calls fail with <see cref="MemberStoppedException"/>.
    /// </summary>
    /// <returns>The wait for its end.</returns>
    public ValueTask DisposeAsync() => _loop.StopAsync();

    private static Member Start(MemberOptions options, IDeliveryHandler handler)
    {
        long? applied = null;
        if (options.JournalDirectory is not { } directory)
        {
            return Applied() < 0
                ? new Member(MemberLoop.Start(options, handler, Applied(), Fresh(), null))
                : throw new ArgumentException(
                    $"The application has applied everything up to {applied}, but this member runs without a journal, "
                        + "and so can only begin at 0. Give it a journal directory, or an empty application."
                );
        }

        var journal = JournalFile.Open(directory, Fresh, out var state, options.Disk, CheckOwner);
        try
        {
            return new Member(MemberLoop.Start(options, handler, Applied(), state, journal));
        }
        catch
        {
            journal.Dispose();
            throw;
        }

        // Read once. The open journal keeps other processes out; before that, another one could still apply something.
        long Applied() => applied ??= handler.Applied;

        JournalState Fresh()
        {
            // Each journal has an incarnation of its own; without a journal, each start has. 0 means unknown, so none
            // is 0. A member that has a state or an earlier journal, but no journal, was in the group before.
            var incarnation = BinaryPrimitives.ReadInt64LittleEndian(RandomNumberGenerator.GetBytes(sizeof(long))) | 1;
            var returns = options.JournalDirectory is { } place && (Applied() >= 0 || JournalFile.WasSetAside(place));
            return JournalState.Fresh(options.Id, options.Members.Count, incarnation, returns);
        }

        void CheckOwner(JournalState found)
        {
            if (found.Self != options.Id || found.DroppedLocals.Length != options.Members.Count)
            {
                throw new JournalLostException(
                    $"The journal in {directory} is of member {found.Self} of {found.DroppedLocals.Length}, "
                        + $"not of member {options.Id} of {options.Members.Count}."
                );
            }
        }
    }
}
