using System.CommandLine;
using Agora.Client;
using Agora.Cluster;

namespace Agora.Trading;

/// <summary>The options that all commands of <c>agora seller</c> and <c>agora buyer</c> share.</summary>
internal sealed class TradeOptions
{
    private const double DefaultTimeout = 30;

    private readonly Option<string[]> _servers = new("--server")
    {
        Description = "A server's address; name every server, each with its own --server",
        HelpName = "URL",
        Recursive = true,
    };
    private readonly Option<string?> _cluster = new("--cluster")
    {
        Description =
            "The cluster file that names the servers; without it the one that AGORA_CLUSTER names, "
            + "else the built-in default",
        HelpName = "FILE",
        Recursive = true,
    };
    private readonly Option<string> _profile = new("--profile")
    {
        Description = "Keeps logins apart, to be several people at once",
        HelpName = "NAME",
        Recursive = true,
        DefaultValueFactory = _ => "",
    };
    private readonly Option<double?> _timeout = new("--timeout")
    {
        Description = "How long a call may take in all, over all servers; 30 by default",
        HelpName = "SECONDS",
        Recursive = true,
        CustomParser = Numbers.Seconds,
    };

    // The name of --timeout in earlier versions.
    private readonly Option<double?> _oldTimeout = new("--patience")
    {
        Hidden = true,
        Recursive = true,
        CustomParser = Numbers.Seconds,
    };

    public TradeOptions()
    {
        _servers.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
            {
                if (
                    !Uri.TryCreate(token.Value, UriKind.Absolute, out var address)
                    || address.Scheme is not ("http" or "https")
                )
                {
                    result.AddError(
                        $"\"{token.Value}\" is not a server's address: write it like http://127.0.0.1:8120."
                    );
                }
            }
        });
        Key.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !MarketplaceClient.IsKey(token.Value))
            {
                result.AddError("--idempotency-key must be 1 to 64 visible ASCII characters, none of them a space.");
            }
        });
    }

    public Option<bool> Json { get; } =
        new("--json") { Description = "Answer and errors as JSON, for programs", Recursive = true };

    /// <summary>The option that names a change; only commands that change something have it.</summary>
    public Option<string?> Key { get; } =
        new("--idempotency-key")
        {
            Description = "Names this change: the same again under the same key happens once",
            HelpName = "KEY",
        };

    public void AddTo(Command command)
    {
        Option[] options = [_servers, _cluster, _profile, Json, _timeout, _oldTimeout];
        Array.ForEach(options, command.Add);
    }

    public string Profile(ParseResult parse) => parse.GetValue(_profile) ?? "";

    /// <summary>The servers that the command line names, else those of the cluster file.</summary>
    public ReplicaList Connect(ParseResult parse, Func<ClusterFile, ServerGroup> serversOf, Action<string> notify)
    {
        var given = parse.GetValue(_servers) ?? [];
        var cluster =
            given.Length > 0 && parse.GetValue(_cluster) is null ? null : ClusterFile.Resolve(parse.GetValue(_cluster));
        Uri[] servers =
            given.Length > 0 ? [.. given.Select(url => new Uri(url))] : [.. cluster!.AddressesOf(serversOf(cluster))];
        return new(
            servers,
            new ReplicaOptions
            {
                Deadline = TimeSpan.FromSeconds(
                    parse.GetValue(_timeout) ?? parse.GetValue(_oldTimeout) ?? DefaultTimeout
                ),
                Authority = cluster?.Https?.Authority,
                OnChange = change => notify(Notice(change)),
            }
        );
    }

    private static string Notice(ReplicaChange change)
    {
        var pause =
            change.Pause > TimeSpan.FromSeconds(0.5)
                ? FormattableString.Invariant($" in {change.Pause.TotalSeconds:0.#} s")
                : "";
        return change.To == change.From
            ? $"{change.Reason} Trying it again{pause}."
            : $"{change.Reason} Going on with {change.To.Authority}{pause}.";
    }
}
