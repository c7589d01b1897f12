using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Agora.Cluster;

/// <summary>
/// The rules that a well-formed cluster file must also fulfil. Finds every problem, not only the first.
/// </summary>
internal static class ClusterFileRules
{
    public static IReadOnlyList<string> Problems(ClusterFile file)
    {
        List<string> problems = [];

        // The web pages are optional; everything else is needed to serve the marketplace's functions.
        Replicas(problems, "web", file.Web.Replicas, atLeastOne: false);
        Replicas(problems, "payments", file.Payments.Replicas);
        Replicas(problems, "sellerServers", file.SellerServers.Replicas);
        Replicas(problems, "buyerServers", file.BuyerServers.Replicas);
        Replicas(problems, "customers", file.Customers.Replicas);
        Replicas(problems, "products", file.Products.Replicas);
        Entries(problems, "categories", file.Categories);
        Entries(problems, "web.hosts", file.Web.Hosts);
        if (problems.Count > 0)
        {
            return problems;
        }

        One(problems, "payments", file.Payments.Replicas.Count);
        Odd(problems, "customers", file.Customers.Replicas.Count);
        Odd(problems, "products", file.Products.Replicas.Count);
        if (file.Payments.ApprovalProbability is not (>= 0 and <= 1))
        {
            problems.Add(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"payments.approvalProbability: {file.Payments.ApprovalProbability} is no probability; "
                        + $"write a number from 0 to 1"
                )
            );
        }

        if (file.Https is { } https && (https.Certificate.Length == 0 || https.Key.Length == 0))
        {
            problems.Add(
                "https: name both the certificate and its key, as files in PEM; "
                    + "or write \"https\": false, and users are served over plain HTTP"
            );
        }

        Limit(problems, "bodyBytes", file.Limits.BodyBytes, 1024, 1 << 20);
        Limit(problems, "headerBytes", file.Limits.HeaderBytes, 1024, 1 << 20);
        Limit(problems, "urlBytes", file.Limits.UrlBytes, 1024, 1 << 16);
        Limit(problems, "connections", file.Limits.Connections, 10, 1_000_000);
        Limit(problems, "connectionsPerClient", file.Limits.ConnectionsPerClient, 1, 1_000_000);
        Limit(problems, "requestsPerSecond", file.Limits.RequestsPerSecond, 1, 1_000_000);
        Limit(problems, "requestBurst", file.Limits.RequestBurst, 1, 1_000_000);
        Limit(problems, "idempotencyKeyMinutes", file.Limits.IdempotencyKeyMinutes, 1, 7 * 24 * 60);
        Limit(problems, "failedLoginsPerMinute", file.Limits.FailedLoginsPerMinute, 1, 1_000_000);
        Limit(problems, "loginsPerMinute", file.Limits.LoginsPerMinute, 1, 1_000_000);
        Limit(problems, "clockSeconds", file.Limits.ClockSeconds, 1, 3600);
        Limit(problems, "scrubMinutes", file.Limits.ScrubMinutes, 1, 7 * 24 * 60);
        WebHosts(problems, file.Web.Hosts);
        Categories(problems, file.Categories);
        Endpoints(problems, file);
        Vias(problems, file);
        return problems;
    }

    private static void Entries<T>(List<string> problems, string list, IReadOnlyList<T> entries)
    {
        for (var i = 0; i < entries.Count; i++)
        {
            if (entries[i] is null)
            {
                problems.Add(
                    string.Create(CultureInfo.InvariantCulture, $"{list}[{i}]: missing; write it or remove it")
                );
            }
        }
    }

    private static void WebHosts(List<string> problems, IReadOnlyList<string> hosts)
    {
        for (var i = 0; i < hosts.Count; i++)
        {
            if (HostProblem(hosts[i]) is { } problem)
            {
                problems.Add(string.Create(CultureInfo.InvariantCulture, $"web.hosts[{i}]: {problem}"));
            }
        }
    }

    private static void Categories(List<string> problems, IReadOnlyList<CategoryName> categories)
    {
        if (categories.Count > CategoryName.MaxCategories)
        {
            problems.Add(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"categories: {categories.Count} names; write at most {CategoryName.MaxCategories}"
                )
            );
        }

        HashSet<int> named = [];
        for (var i = 0; i < categories.Count; i++)
        {
            var place = string.Create(CultureInfo.InvariantCulture, $"categories[{i}]");
            var category = categories[i];
            if (category.Number < 0)
            {
                problems.Add(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{place}.number: {category.Number} is no category; write 0 or more"
                    )
                );
            }
            else if (!named.Add(category.Number))
            {
                problems.Add(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{place}.number: {category.Number} has a name already; remove one of them"
                    )
                );
            }

            if (
                string.IsNullOrWhiteSpace(category.Name)
                || category.Name.Length > CategoryName.MaxLength
                || category.Name.Any(char.IsControl)
            )
            {
                problems.Add($"{place}.name: write a name of 1 to {CategoryName.MaxLength} characters");
            }
        }
    }

    private static void Replicas<T>(
        List<string> problems,
        string group,
        IReadOnlyList<T> replicas,
        bool atLeastOne = true
    )
    {
        if (replicas.Count == 0 && atLeastOne)
        {
            problems.Add($"{group}.replicas: missing; name at least one replica");
        }

        for (var i = 0; i < replicas.Count; i++)
        {
            if (replicas[i] is null)
            {
                problems.Add(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{group}.replicas[{i}]: missing; every number up to the last needs its host and ports, "
                            + $"or the replicas after it must move up"
                    )
                );
            }
        }
    }

    private static void Limit(List<string> problems, string name, int? value, int min, int max)
    {
        if (value < min || value > max)
        {
            problems.Add(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"limits.{name}: {value} is out of bounds; write a number from {min} to {max}"
                )
            );
        }
    }

    private static void One(List<string> problems, string group, int count)
    {
        if (count > 1)
        {
            problems.Add(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{group}.replicas: {count} replicas, but each would have its own store; write one"
                )
            );
        }
    }

    private static void Odd(List<string> problems, string group, int count)
    {
        if (count % 2 == 0)
        {
            problems.Add(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{group}.replicas: {count} replicas survive no more failures than {count - 1}; "
                        + $"make it {count - 1} or {count + 1}"
                )
            );
        }
    }

    private static void Endpoints(List<string> problems, ClusterFile file)
    {
        Dictionary<(string Host, int Port, ProtocolType Protocol), string> taken = [];
        foreach (var process in file.Processes())
        {
            var replica = string.Create(
                CultureInfo.InvariantCulture,
                $"{GroupOf(process.Component)}.replicas[{process.Replica}]"
            );
            if (HostProblem(process.Host) is { } hostProblem)
            {
                problems.Add($"{replica}.host: {hostProblem}");
            }

            foreach (var endpoint in process.Listening)
            {
                Endpoint(problems, taken, endpoint, $"{replica}.{endpoint.Field}");
            }
        }

        // Each host has a supervisor.
        foreach (var host in file.Processes().Select(p => p.Host).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            if (ClusterEndpoint.OfOperators(host, file.Supervisor.OperatorsPort) is { } endpoint)
            {
                Endpoint(problems, taken, endpoint, "supervisor.operatorsPort");
            }
        }
    }

    private static void Endpoint(
        List<string> problems,
        Dictionary<(string Host, int Port, ProtocolType Protocol), string> taken,
        ClusterEndpoint endpoint,
        string place
    )
    {
        if (endpoint.Port is < 1 or > 65535)
        {
            problems.Add(
                endpoint.Port == 0
                    ? $"{place}: missing; write a port from 1 to 65535"
                    : string.Create(
                        CultureInfo.InvariantCulture,
                        $"{place}: {endpoint.Port} is no port; write one from 1 to 65535"
                    )
            );
        }
        else if (
            !taken.TryAdd((Canonical(endpoint.Host), endpoint.Port, endpoint.Protocol), place)
            && taken[(Canonical(endpoint.Host), endpoint.Port, endpoint.Protocol)] is var other
            && other != place
        )
        {
            problems.Add(
                $"{place}: {endpoint.Protocol.ToString().ToUpperInvariant()} port {endpoint.Address} "
                    + $"is already {other}; give one of them another port"
            );
        }
    }

    // A gateway may forward to several replicas from one address, so these addresses need not differ.
    private static void Vias(List<string> problems, ClusterFile file)
    {
        foreach (
            (var group, var servers) in (ReadOnlySpan<(string, ServerGroup)>)
                [
                    ("web", file.Web),
                    ("payments", file.Payments),
                    ("sellerServers", file.SellerServers),
                    ("buyerServers", file.BuyerServers),
                ]
        )
        {
            for (var i = 0; i < servers.Replicas.Count; i++)
            {
                if (servers.Replicas[i].Via is { } via)
                {
                    Via(problems, Place(group, i), via.Host, via.Via is not null, ("port", via.Port));
                }
            }
        }

        foreach (
            (var group, var database) in (ReadOnlySpan<(string, DatabaseGroup)>)
                [("customers", file.Customers), ("products", file.Products)]
        )
        {
            for (var i = 0; i < database.Replicas.Count; i++)
            {
                if (database.Replicas[i].Via is { } via)
                {
                    Via(
                        problems,
                        Place(group, i),
                        via.Host,
                        via.Via is not null,
                        ("grpcPort", via.GrpcPort),
                        ("peerPort", via.PeerPort)
                    );
                }
            }
        }

        static string Place(string group, int replica) =>
            string.Create(CultureInfo.InvariantCulture, $"{group}.replicas[{replica}].via");
    }

    private static void Via(
        List<string> problems,
        string place,
        string host,
        bool nested,
        params ReadOnlySpan<(string Field, int Number)> ports
    )
    {
        if (HostProblem(host) is { } problem)
        {
            problems.Add($"{place}.host: {problem}");
        }

        foreach ((var field, var number) in ports)
        {
            if (number is < 1 or > 65535)
            {
                problems.Add(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{place}.{field}: {(number == 0 ? "missing" : $"{number} is no port")}; "
                            + $"write a port from 1 to 65535"
                    )
                );
            }
        }

        if (nested)
        {
            problems.Add($"{place}.via: a via has no via of its own; remove it");
        }
    }

    private static string? HostProblem(string host)
    {
        if (string.IsNullOrWhiteSpace(host))
        {
            return "empty; write a host name or an IP address";
        }

        if (IPAddress.TryParse(host, out var ip))
        {
            return ip.Equals(IPAddress.Any) || ip.Equals(IPAddress.IPv6Any)
                ? $"{host} means every address, which nobody can call; write the address that the other hosts use"
                : null;
        }

        return Uri.CheckHostName(host) == UriHostNameType.Dns
            ? null
            : $"\"{host}\" is no host; write a host name or an IP address, without port or scheme";
    }

    private static string Canonical(string host)
    {
        var lower = host.ToUpperInvariant();
        return lower == "LOCALHOST" ? "127.0.0.1"
            : IPAddress.TryParse(host, out var ip) ? ip.ToString()
            : lower;
    }

    private static string GroupOf(string component) =>
        component switch
        {
            Components.SellerServer => "sellerServers",
            Components.BuyerServer => "buyerServers",
            _ => component,
        };
}
