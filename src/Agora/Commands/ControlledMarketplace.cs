using Agora.Chaos;
using Agora.Cluster;
using Agora.Lab;
using Agora.Launcher;

namespace Agora.Commands;

/// <summary>Measures and breaks a marketplace through its supervisor's control channel.</summary>
internal sealed class ControlledMarketplace(DataDirectory data) : IBreakableMarketplace, IDisposable
{
    private readonly ControlClient _control = new(data);

    public ClusterFile File { get; } =
        data.Holder() is null
            ? throw new CommandFailedException($"nothing is up on {data.Root}; 'agora up' starts it, or omit --data")
            : ClusterFile.Load(
                System.IO.File.Exists(data.LabFileOf(LabNetwork.Clients))
                    ? data.LabFileOf(LabNetwork.Clients)
                    : data.ClusterFile
            );

    public bool HasLab { get; } = System.IO.File.Exists(data.LabFileOf(LabNetwork.Clients));

    public Task SetNetworkAsync(double loss, TimeSpan delay, CancellationToken cancellationToken) =>
        SetAsync(new(loss, delay, null, null, null, null, null, null, null, null), cancellationToken);

    public async Task SetNetworkAsync(
        LinkConditions conditions,
        IReadOnlyList<string> on,
        CancellationToken cancellationToken
    )
    {
        await SetAsync(Change(LinkConditions.Perfect, null), cancellationToken);
        if (!conditions.IsPerfect)
        {
            await SetAsync(Change(conditions, on.Count == 0 ? null : [.. on]), cancellationToken);
        }

        static LabChange Change(LinkConditions c, string[]? on) =>
            new(
                c.Loss,
                c.Delay,
                c.Jitter,
                c.Duplication,
                c.Reordering,
                c.HoldBack,
                c.Resets,
                c.Stalls,
                c.StallLength,
                on
            );
    }

    // A missing link is no failure, because some parties never send to each other.
    public async Task CutAsync(
        IReadOnlyList<string> processes,
        IReadOnlyList<string>? from,
        bool oneWay,
        CancellationToken cancellationToken
    ) =>
        Up(
            await _control.CutLabAsync(
                new([.. processes], from is null ? null : [.. from], oneWay, All: false),
                cancellationToken
            )
        );

    public async Task HealLinksAsync(IReadOnlyList<string>? processes, CancellationToken cancellationToken) =>
        Up(
            await _control.HealLabAsync(
                new(processes is null ? null : [.. processes], From: null, OneWay: false, All: false),
                cancellationToken
            )
        );

    public ComponentIdentity Identity { get; } =
        CommandSecrets.LoadOperator(data.SecretsInUse)
        ?? throw new CommandFailedException(CommandSecrets.NoOperatorMessage(data.SecretsInUse));

    public MerchantSecret? Merchant => CommandSecrets.LoadMerchantSecret(data.SecretsInUse, File);

    public async Task<string?> MissingAsync(CancellationToken cancellationToken) =>
        Up(await _control.StatusAsync(cancellationToken)).NotReadyReason;

    public async Task<IReadOnlyList<ProcessView>> ProcessesAsync(CancellationToken cancellationToken) =>
        [
            .. Up(await _control.StatusAsync(brief: true, cancellationToken))
                .Processes.Select(p => new ProcessView(
                    p.Name,
                    p.Component,
                    p.State == ProcessState.Running,
                    p.Role,
                    p.State == ProcessState.Running && p.Database is null or { Ready: true, Joining: null },
                    p.Database is { Joining: not null },
                    p.Lag,
                    p.MemoryBytes
                )),
        ];

    public async Task<bool> TryKillAsync(string process, bool restart, CancellationToken cancellationToken) =>
        Up(await _control.CommandAsync("kill", process, restart, cancellationToken)).Done;

    public async Task<bool> TryStartAsync(string process, CancellationToken cancellationToken) =>
        Up(await _control.CommandAsync("start", process, restart: false, cancellationToken)).Done;

    public async Task<bool> FreezeAsync(string process, bool frozen, CancellationToken cancellationToken) =>
        Up(await _control.CommandAsync(frozen ? "freeze" : "thaw", process, restart: false, cancellationToken)).Done;

    public Task SetClockAsync(string process, TimeSpan ahead, CancellationToken cancellationToken)
    {
        LabClock.Set(data.LabClockOf(process), ahead);
        return Task.CompletedTask;
    }

    public string DirectoryOf(string process) => data.Of(File.Processes().Single(p => p.Name == process));

    public Task KillAsync(string process, bool restart, CancellationToken cancellationToken) =>
        CommandAsync("kill", process, restart, cancellationToken);

    public Task StartAsync(string process, CancellationToken cancellationToken) =>
        CommandAsync("start", process, restart: false, cancellationToken);

    private async Task CommandAsync(
        string command,
        string process,
        bool restart,
        CancellationToken cancellationToken
    ) => Done(Up(await _control.CommandAsync(command, process, restart, cancellationToken)));

    private async Task SetAsync(LabChange change, CancellationToken cancellationToken) =>
        Done(Up(await _control.SetLabAsync(change, cancellationToken)));

    private T Up<T>(T? answer)
        where T : class =>
        answer ?? throw new CommandFailedException($"the marketplace on {data.Root} is no longer up");

    private static void Done(ControlAnswer answer)
    {
        if (!answer.Done)
        {
            throw new CommandFailedException(answer.Message);
        }
    }

    public void Dispose()
    {
        Identity.Dispose();
        _control.Dispose();
    }
}
