using Agora.Contracts.Replication;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Agora.Replication.Hosting;

/// <summary>
/// Compares the replica's clock with those of the others: now and then while it is right, and often while it is not.
/// </summary>
internal sealed class ClockWatch(ReplicaClock clock, ReplicaPeers peers, TimeProvider time, ILogger<ClockWatch> logger)
    : BackgroundService
{
    private static readonly TimeSpan s_check = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_firstCheck = TimeSpan.FromMilliseconds(200);

    // Clocks of hosts drift by seconds in a day, and a jump shows without a comparison.
    private static readonly TimeSpan s_comparison = TimeSpan.FromSeconds(30);

    protected override async Task ExecuteAsync(CancellationToken cancellationToken)
    {
        if (peers.Others.Count == 0)
        {
            return;
        }

        var wasWrong = false;
        try
        {
            while (true)
            {
                await CompareAsync(cancellationToken);
                var compared = time.GetTimestamp();
                do
                {
                    var isWrong = clock.IsWrong;
                    if (isWrong != wasWrong)
                    {
                        Report(isWrong);
                        wasWrong = isWrong;
                    }

                    await Task.Delay(
                        isWrong || clock.Problem is null ? s_check : s_firstCheck,
                        time,
                        cancellationToken
                    );
                } while (clock.Problem is null && time.GetElapsedTime(compared) < s_comparison);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // The replica stops.
        }
    }

    private void Report(bool isWrong)
    {
        if (isWrong)
        {
            logger.LogError("{Problem}", clock.Problem);
        }
        else
        {
            logger.LogInformation("The clock of this replica agrees with the others' again: it takes commands");
        }
    }

    private Task CompareAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(
            peers.Others.Select(
                async (replica, index) =>
                {
                    var asked = time.GetTimestamp();
                    var answer = await peers.AskAsync(
                        replica,
                        (peer, options) => peer.GetClockAsync(new ClockRequest(), options),
                        cancellationToken
                    );
                    if (answer is not null)
                    {
                        // The other read its clock between question and answer.
                        var half = (long)(time.GetElapsedTime(asked).TotalMilliseconds / 2);
                        clock.Compare(index, answer.Time, clock.Now - half);
                    }
                }
            )
        );
}
