using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using Agora.Client;
using Agora.Commands;
using Agora.Contracts.Cluster;

namespace Agora.Trading;

/// <summary>
/// What <c>agora seller</c> and <c>agora buyer</c> share: their common options, and the way of every command from these options over a
/// client and its login to something shown or an error told.
/// </summary>
internal abstract class Trade<TClient>
    where TClient : MarketplaceClient
{
    private const int Refused = 1;
    private const int NotServed = 2;

    private readonly string _role;
    private readonly User _user;
    private readonly Option<string[]> _servers = new("--server")
    {
        Description = "A server's address; give all of them, each with its own --server",
        HelpName = "URL",
        Recursive = true,
    };
    private readonly Option<string?> _cluster = new("--cluster")
    {
        Description = "The cluster file that names the servers; without it the one that AGORA_CLUSTER names, else the built-in default",
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
    private readonly Option<bool> _json = new("--json") { Description = "Answer and errors as JSON, for programs", Recursive = true };
    private readonly Option<double> _patience = new("--patience")
    {
        Description = "How long a call may take in all, over all servers",
        HelpName = "SECONDS",
        Recursive = true,
        DefaultValueFactory = _ => 30,
    };
    private readonly Option<string?> _key = new("--idempotency-key")
    {
        Description = "Names this change: the same again under the same key happens once",
        HelpName = "KEY",
    };

    // While the prompt runs: one client for all of its commands.
    private Session? _session;

    protected Trade(string role, User user)
    {
        _role = role;
        _user = user;
        _servers.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
            {
                if (!Uri.TryCreate(token.Value, UriKind.Absolute, out var address) || address.Scheme is not ("http" or "https"))
                {
                    result.AddError($"\"{token.Value}\" is not a server's address: write it like http://127.0.0.1:8120.");
                }
            }
        });
        _patience.Validators.Add(result =>
        {
            if (result.Tokens is [var token, ..] && double.TryParse(token.Value, CultureInfo.InvariantCulture, out var seconds)
                && seconds is not (> 0 and <= 3600))
            {
                result.AddError("--patience must be more than 0 and at most 3600 seconds.");
            }
        });
    }

    protected abstract TClient Connect(ReplicaList servers);

    protected abstract ServerGroup ServersOf(ClusterFile cluster);

    protected abstract IEnumerable<Command> Functions();

    protected abstract Task<(long Id, string Json)> CreateAccountAsync(
        TClient client, string name, string username, string password, string? key, CancellationToken cancel);

    protected abstract Task<(long Id, string Token, string Json)> LoginAsync(
        TClient client, string username, string password, string? key, CancellationToken cancel);

    /// <summary>The command with all functions below it; alone, the prompt.</summary>
    public Command Create(string description)
    {
        var command = new Command(_role, description) { _servers, _cluster, _profile, _json, _patience };
        foreach (var function in Functions())
        {
            command.Add(function);
        }
        command.SetAction(PromptAsync);
        return command;
    }

    /// <summary>The commands that both roles have.</summary>
    protected IEnumerable<Command> AccountFunctions()
    {
        Option<string?> name = new("--name", "-n") { Description = "What others see, 1 to 32 characters", Required = true };
        var username = Username();
        var password = Password();
        yield return Function("create-account", $"Makes a {_role}'s account", async call =>
        {
            var user = call.GetOrAsk(username, "Username");
            var secret = call.GetOrAsk(password, "Password", secret: true);
            // Typed unseen, and not to be had back: so twice.
            if (call.Get(password) is null && call.GetOrAsk(password, "Password again", secret: true) != secret)
            {
                throw new IOException("The two passwords differ; no account was made.");
            }
            var (id, json) = await CreateAccountAsync(call.Client, call.Get(name)!, user, secret, call.Key, call.Cancel);
            return new Shown(json, Show.Line($"The account is made: {_role} {id}. Log in with: agora {_role} login -u {user}"));
        }, changes: true, name, username, password)
            .WithExamples($"agora {_role} create-account --name Ann --username ann");

        var loginUsername = Username();
        var loginPassword = Password();
        yield return Function("login", "Begins a session, which later commands go on with", async call =>
        {
            var user = call.GetOrAsk(loginUsername, "Username");
            var secret = call.GetOrAsk(loginPassword, "Password", secret: true);
            var (id, token, json) = await LoginAsync(call.Client, user, secret, call.Key, call.Cancel);
            await call.Session.KeepAsync(user, token, call.Cancel);
            return new Shown(json, Show.Line($"Logged in as {user}, {_role} {id}."));
        }, changes: true, loginUsername, loginPassword)
            .WithExamples($"agora {_role} login --username ann", $"agora {_role} login -u bob --profile bob     be two people at once");

        yield return Function("logout", "Ends the session", async call =>
        {
            try
            {
                await call.LoggedIn.LogoutAsync(call.Key, call.Cancel);
            }
            catch (AgoraException e) when (e.Code == ErrorCodes.NotLoggedIn && call.Session.Login is not null)
            {
                // It has ended already, by itself or from elsewhere; what is left is to forget it here.
            }
            await call.Session.ForgetAsync(call.Cancel);
            return Shown.Done("Logged out.");
        }, changes: true);
    }

    /// <summary>A command that calls one function of the marketplace.</summary>
    protected Command Function(
        string name, string description, Func<Invocation, Task<Shown>> run, bool changes = false, params ReadOnlySpan<Symbol> inputs)
    {
        var command = new Command(name, description);
        foreach (var input in inputs)
        {
            if (input is Argument argument)
            {
                command.Add(argument);
            }
            else
            {
                command.Add((Option)input);
            }
        }
        if (changes)
        {
            command.Add(_key);
        }
        command.SetAction((parse, cancel) => RunAsync(parse, changes, run, cancel));
        return command;
    }

    protected static Argument<string> ItemId() => new("ITEM") { Description = "The item's id, like 3-17" };

    protected static Option<int?> Limit() => new("--limit") { Description = "How many at most, 1 to 200; 50 unless given", HelpName = "N" };

    protected static Option<string?> Cursor() => new("--cursor") { Description = "Where the page before ended", HelpName = "CURSOR" };

    private static Option<string?> Username() => new("--username", "-u") { Description = "The account's username; asked for when not given" };

    private static Option<string?> Password() =>
        new("--password", "-p") { Description = "The password; better not given here, where others may see it: it is asked for" };

    /// <summary>An amount of money: with a point, never with separators that another country reads otherwise.</summary>
    protected static decimal? ParseMoney(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (decimal.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var amount))
        {
            return amount;
        }
        result.AddError($"\"{text}\" is not an amount of money: write it like 12.50.");
        return null;
    }

    private async Task<int> RunAsync(ParseResult parse, bool changes, Func<Invocation, Task<Shown>> run, CancellationToken cancel)
    {
        var error = parse.InvocationConfiguration.Error;
        var json = parse.GetValue(_json);
        try
        {
            var session = _session ?? Open(parse);
            try
            {
                var shown = await run(new Invocation(this, session, parse, changes ? parse.GetValue(_key) : null, cancel));
                shown.WriteTo(parse.InvocationConfiguration.Output, json);
                return 0;
            }
            finally
            {
                if (session != _session)
                {
                    session.Dispose();
                }
            }
        }
        catch (AgoraException e)
        {
            Tell(e, parse, json);
            return e.IsTransient ? NotServed : Refused;
        }
        catch (Exception e) when (e is ClusterFileException or IOException or UnauthorizedAccessException)
        {
            error.WriteLine("agora: " + e.Message);
            return Refused;
        }
    }

    private async Task<int> PromptAsync(ParseResult parse, CancellationToken cancel)
    {
        try
        {
            _session = Open(parse);
        }
        catch (Exception e) when (e is ClusterFileException or IOException or UnauthorizedAccessException)
        {
            parse.InvocationConfiguration.Error.WriteLine("agora: " + e.Message);
            return Refused;
        }
        try
        {
            var root = new RootCommand($"What a {_role} can do") { HelpName = "" };
            root.Add(_json);
            foreach (var function in Functions())
            {
                root.Add(function);
            }
            Examples.ShowInHelp(root);
            var prompt = new Prompt(root, _user.Terminal, parse.InvocationConfiguration, () => $"{_session.Login?.ToString() ?? _role}> ");
            var servers = _session.Client.Servers;
            return await prompt.RunAsync(
                $"Agora, as a {_role}, at {servers.Current.Authority}{(servers.Servers.Count > 1 ? $" and {servers.Servers.Count - 1} more" : "")}. "
                + "Tab completes, help explains, exit ends.",
                cancel);
        }
        finally
        {
            _session.Dispose();
            _session = null;
        }
    }

    private Session Open(ParseResult parse)
    {
        var given = parse.GetValue(_servers) ?? [];
        var cluster = given.Length > 0 && parse.GetValue(_cluster) is null ? null : ClusterFile.Resolve(parse.GetValue(_cluster));
        Uri[] servers = given.Length > 0
            ? [.. given.Select(url => new Uri(url))]
            : [.. cluster!.AddressesOf(ServersOf(cluster))];
        var notices = parse.GetValue(_json) ? TextWriter.Null : parse.InvocationConfiguration.Error;
        var list = new ReplicaList(servers, new ReplicaOptions
        {
            Deadline = TimeSpan.FromSeconds(parse.GetValue(_patience)),
            Authority = cluster?.Https?.Authority,
            OnChange = change => notices.WriteLine(Notice(change)),
        });
        string[] names = [.. list.Servers.Select(server => server.GetLeftPart(UriPartial.Path).TrimEnd('/'))];
        var session = new Session(Connect(list), list, new Logins(_user.LoginFile), _role, parse.GetValue(_profile) ?? "", names);
        session.Use(session.Kept());
        return session;
    }

    private static string Notice(ReplicaChange change)
    {
        var pause = change.Pause > TimeSpan.FromSeconds(0.5)
            ? string.Create(CultureInfo.InvariantCulture, $" in {change.Pause.TotalSeconds:0.#} s")
            : "";
        return Show.Printable(change.To == change.From
            ? $"{change.Reason} Trying it again{pause}."
            : $"{change.Reason} Going on with {change.To.Authority}{pause}.");
    }

    /// <summary>What went wrong and what to mend; to a program as the problem that the server told.</summary>
    private void Tell(AgoraException e, ParseResult parse, bool json)
    {
        var error = parse.InvocationConfiguration.Error;
        if (json)
        {
            var problem = new Problem { Status = e.Status, Code = e.Code, Detail = e.Detail, Errors = e.Errors.Count > 0 ? e.Errors : null };
            error.WriteLine(JsonSerializer.Serialize(problem, AgoraJson.Readable.Problem));
            return;
        }
        // Fields are easier to read one a line than in a detail that strings them together.
        var detail = e.Errors.Count > 0 && e.Errors.Values.SelectMany(reasons => reasons).All(e.Detail.Contains)
            ? "mend this and try again."
            : e.Detail;
        error.WriteLine(Show.Printable($"{e.Code}: {detail}"));
        foreach (var (field, reasons) in e.Errors)
        {
            error.WriteLine(Show.Printable($"  {field}: {string.Join("; ", reasons)}"));
        }
        if (e.RetryAfter is { } wait)
        {
            error.WriteLine(string.Create(CultureInfo.InvariantCulture, $"Try again in {Math.Ceiling(wait.TotalSeconds)} s."));
        }
        if (e.Code == ErrorCodes.NotLoggedIn && parse.CommandResult.Command.Name != "login")
        {
            error.WriteLine(_session is null ? $"Log in with: agora {_role} login" : "Log in with: login");
        }
        if (e.OutcomeUnknown && e.IdempotencyKey is { } key)
        {
            error.WriteLine($"It may have happened all the same. Repeated with this, it does not happen twice: --idempotency-key {key}");
        }
        if (e.Status == 0)
        {
            error.WriteLine("Is the marketplace up? See: agora status");
        }
    }

    /// <summary>The client that commands use, and the login that it has.</summary>
    internal sealed class Session(TClient client, ReplicaList list, Logins logins, string role, string profile, string[] servers) : IDisposable
    {
        public TClient Client { get; } = client;

        public Login? Login { get; private set; }

        public Login? Kept() => logins.Find(role, profile, servers);

        public void Use(Login? login)
        {
            Login = login;
            Client.Token = login?.Token;
        }

        public async Task KeepAsync(string username, string token, CancellationToken cancel)
        {
            Use(new Login(role, profile, servers, username, token));
            await logins.KeepAsync(Login!, cancel);
        }

        public async Task ForgetAsync(CancellationToken cancel)
        {
            Use(null);
            await logins.ForgetAsync(role, profile, servers, cancel);
        }

        public void Dispose()
        {
            Client.Dispose();
            list.Dispose();
        }
    }

    /// <summary>One command being run.</summary>
    internal sealed class Invocation(Trade<TClient> trade, Session session, ParseResult parse, string? key, CancellationToken cancel)
    {
        public TClient Client => session.Client;

        public Session Session => session;

        public string? Key => key;

        public CancellationToken Cancel => cancel;

        public T? Get<T>(Option<T> option) => parse.GetValue(option);

        public T? Get<T>(Argument<T> argument) => parse.GetValue(argument);

        /// <summary>The option's value, or what the person at the keyboard answers.</summary>
        public string GetOrAsk(Option<string?> option, string question, bool secret = false) =>
            parse.GetValue(option)
            ?? trade._user.Ask(question, secret, parse.InvocationConfiguration.Error)
            ?? throw new IOException($"{option.Name} is missing, and there is no keyboard to ask for it.");

        /// <summary>The client, where a login is needed: without one there is no point in asking a server.</summary>
        public TClient LoggedIn =>
            session.Client.Token is not null
                ? session.Client
                : throw new AgoraException(ErrorCodes.NotLoggedIn, "There is no login for these servers.", 401);
    }
}
