using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using Agora.Client;
using Agora.Commands;
using Agora.Contracts.Cluster;

namespace Agora.Trading;

/// <summary>
/// What <c>agora seller</c> and <c>agora buyer</c> share: their common options, and the way of every command from these
/// options over a client and its login to something shown or an error told.
/// </summary>
internal abstract class Trade<TClient>
    where TClient : MarketplaceClient
{
    private const double DefaultTimeout = 30;

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
    private readonly Option<double?> _timeout = new("--timeout")
    {
        Description = "How long a call may take in all, over all servers; 30 unless given",
        HelpName = "SECONDS",
        Recursive = true,
        CustomParser = Numbers.Seconds,
    };

    // What it was called in earlier versions.
    private readonly Option<double?> _patience = new("--patience")
    {
        Hidden = true,
        Recursive = true,
        CustomParser = Numbers.Seconds,
    };
    private readonly Option<string?> _key = new("--idempotency-key")
    {
        Description = "Names this change: the same again under the same key happens once",
        HelpName = "KEY",
    };

    // While the prompt runs: one client for all of its commands, and the form of their answers.
    private Session? _session;
    private bool _isJsonPrompt;

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
        _key.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !MarketplaceClient.IsKey(token.Value))
            {
                result.AddError("--idempotency-key must be 1 to 64 visible ASCII characters, none of them a space.");
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
        var command = new Command(_role, description) { _servers, _cluster, _profile, _json, _timeout, _patience };
        foreach (var function in Functions())
        {
            command.Add(function);
        }
        command.SetAction(PromptAsync);
        return command.WithExitStatus().WithExamples(
            $"agora {_role}                                    a prompt, for one command after another",
            $"agora {_role} login --username ann               then one command at a time",
            $"agora {_role} --json account                     for programs");
    }

    /// <summary>The commands that both roles have.</summary>
    protected IEnumerable<Command> AccountFunctions()
    {
        Option<string?> name = new("--name", "-n") { Description = "What others see, 1 to 32 characters", Required = true };
        var username = Username();
        PasswordOptions password = new();
        yield return password.AddTo(Function("create-account", $"Makes a {_role}'s account", async call =>
        {
            var user = await call.GetOrAskAsync(username, "Username");
            var secret = await password.ReadAsync(call, isNew: true);
            var (id, json) = await CreateAccountAsync(call.Client, call.Get(name)!, user, secret, call.Key, call.Cancel);
            var next = Spelled($"login -u {user}");
            return new Shown(json, Show.Line($"The account is made: {_role} {id}. Log in with: {next}"));
        }, changes: true, name, username))
            .WithExamples(
                $"agora {_role} create-account --name Ann --username ann",
                $"agora {_role} create-account --name Ann --username ann --password-stdin < FILE     in a script");

        var loginUsername = Username();
        PasswordOptions loginPassword = new();
        yield return loginPassword.AddTo(Function("login", "Begins a session, which later commands go on with", async call =>
        {
            var user = await call.GetOrAskAsync(loginUsername, "Username");
            var secret = await loginPassword.ReadAsync(call, isNew: false);
            var (id, token, json) = await LoginAsync(call.Client, user, secret, call.Key, call.Cancel);
            await call.Session.KeepAsync(user, token, call.Cancel);
            return new Shown(json, Show.Line($"Logged in as {user}, {_role} {id}."));
        }, changes: true, loginUsername))
            .WithExamples(
                $"agora {_role} login --username ann",
                $"agora {_role} login -u ann --password-stdin < FILE     in a script",
                $"agora {_role} login -u bob --profile bob               be two people at once");

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
        }, changes: true)
            .WithExamples($"agora {_role} logout");
    }

    /// <summary>A command that calls one function of the marketplace.</summary>
    protected Command Function(
        string name, string description, Func<Invocation, Task<Shown>> run, bool changes,
        params ReadOnlySpan<Symbol> inputs)
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

    /// <summary>The option that names a change.</summary>
    protected Option<string?> Key => _key;

    protected static Argument<string> ItemId() => new("ITEM") { Description = "The item's id, like 3-17" };

    protected static Option<int?> Limit() => new("--limit")
    {
        Description = "How many at most, 1 to 200; 50 unless given",
        HelpName = "N",
        CustomParser = Numbers.OptionalInt,
    };

    protected static Option<string?> Cursor() => new("--cursor") { Description = "Where the page before ended", HelpName = "CURSOR" };

    private static Option<string?> Username() => new("--username", "-u") { Description = "The account's username; asked for when not given" };

    private async Task<int> RunAsync(ParseResult parse, bool changes, Func<Invocation, Task<Shown>> run, CancellationToken cancel)
    {
        var console = parse.InvocationConfiguration;
        Complaint complaint = new(console.Error, IsJson(parse));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        using var key = _user.Terminal.OnControlC(stop.Cancel);
        Invocation? call = null;
        var session = _session;
        try
        {
            session ??= Open(parse);
            call = new Invocation(this, session, parse, changes ? parse.GetValue(_key) : null, complaint, stop.Token);
            var shown = await run(call);
            if (complaint.IsJson)
            {
                console.Output.WriteLine(shown.Json);
            }
            else
            {
                Write(console.Output, shown.Human);
            }
            return ExitStatus.Done;
        }
        catch (AgoraException e)
        {
            Tell(e, call, parse, complaint);
            return e.IsTransient ? ExitStatus.NotServed : ExitStatus.Refused;
        }
        catch (CallCanceledException e)
        {
            complaint.Tell(e, call?.ExpectedTotal);
            if (e.OutcomeUnknown && !complaint.IsJson)
            {
                complaint.Line(HowToRepeat(e.IdempotencyKey!, call));
            }
            return ExitStatus.Stopped;
        }
        catch (OperationCanceledException)
        {
            complaint.Tell(new CallCanceledException());
            return ExitStatus.Stopped;
        }
        catch (TradeException e)
        {
            complaint.Tell(e.Code, e.Message);
            return ExitStatus.Refused;
        }
        catch (Exception e) when (IsOfThisMachine(e))
        {
            complaint.Tell(Complaint.Local, e.Message);
            return ExitStatus.Refused;
        }
        finally
        {
            if (session != _session)
            {
                session?.Dispose();
            }
        }
    }

    private static bool IsOfThisMachine(Exception e) =>
        e is ClusterFileException or IOException or UnauthorizedAccessException or CryptographicException;

    private bool IsJson(ParseResult parse) => _isJsonPrompt || parse.GetValue(_json);

    private async Task<int> PromptAsync(ParseResult parse, CancellationToken cancel)
    {
        var console = parse.InvocationConfiguration;
        _isJsonPrompt = parse.GetValue(_json);
        try
        {
            _session = Open(parse);
        }
        catch (Exception e) when (IsOfThisMachine(e))
        {
            new Complaint(console.Error, _isJsonPrompt).Tell(Complaint.Local, e.Message);
            _isJsonPrompt = false;
            return ExitStatus.Refused;
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
            string Label() => $"{_session.Login?.ToString() ?? _role}> ";
            Prompt prompt = new(root, _user.Terminal, console, _isJsonPrompt, Label);
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
            _isJsonPrompt = false;
        }
    }

    private Session Open(ParseResult parse)
    {
        var given = parse.GetValue(_servers) ?? [];
        var cluster = given.Length > 0 && parse.GetValue(_cluster) is null ? null : ClusterFile.Resolve(parse.GetValue(_cluster));
        Uri[] servers = given.Length > 0
            ? [.. given.Select(url => new Uri(url))]
            : [.. cluster!.AddressesOf(ServersOf(cluster))];
        var notices = IsJson(parse) ? TextWriter.Null : parse.InvocationConfiguration.Error;
        void Notify(string notice) => notices.WriteLine(Printable.Of(notice));
        ReplicaList list = new(servers, new ReplicaOptions
        {
            Deadline = TimeSpan.FromSeconds(parse.GetValue(_timeout) ?? parse.GetValue(_patience) ?? DefaultTimeout),
            Authority = cluster?.Https?.Authority,
            OnChange = change => Notify(Notice(change)),
        });
        string[] names = [.. list.Servers.Select(server => server.GetLeftPart(UriPartial.Path).TrimEnd('/'))];
        Logins logins = new(_user.LoginFile, Notify);
        Session session = new(Connect(list), list, logins, _role, parse.GetValue(_profile) ?? "", names);
        session.Use(session.Kept());
        return session;
    }

    private static string Notice(ReplicaChange change)
    {
        var pause = change.Pause > TimeSpan.FromSeconds(0.5)
            ? string.Create(CultureInfo.InvariantCulture, $" in {change.Pause.TotalSeconds:0.#} s")
            : "";
        return change.To == change.From
            ? $"{change.Reason} Trying it again{pause}."
            : $"{change.Reason} Going on with {change.To.Authority}{pause}.";
    }

    /// <summary>What went wrong and how to go on; to a program as the problem that the server told.</summary>
    private void Tell(AgoraException e, Invocation? call, ParseResult parse, Complaint complaint)
    {
        if (complaint.IsJson)
        {
            complaint.Tell(e, call?.ExpectedTotal);
            return;
        }
        // Fields are easier to read one a line than in a detail that strings them together.
        complaint.Line(e.Errors.Count > 0 && e.Errors.Values.SelectMany(reasons => reasons).All(e.Detail.Contains)
            ? $"{e.Code}: mend this and try again."
            : $"{e.Code}: {e.Detail}");
        foreach (var (field, reasons) in e.Errors)
        {
            complaint.Line($"  {field}: {string.Join("; ", reasons)}");
        }
        if (e.Lines.Count > 0)
        {
            Write(parse.InvocationConfiguration.Error, Show.Cart(e.Lines, e.Total));
        }
        if (e.Code == ErrorCodes.PriceChanged && e.Total is { } total)
        {
            var again = Spelled($"buy --total {Show.Money(total)}");
            complaint.Line($"Nothing was charged. To buy for what it costs now: {again}");
        }
        if (e.RetryAfter is { } wait)
        {
            complaint.Line($"Try again {Show.After(wait, DateTimeOffset.UtcNow)}.");
        }
        if (e.Code == ErrorCodes.NotLoggedIn && parse.CommandResult.Command.Name != "login")
        {
            complaint.Line($"Log in with: {Spelled("login")}");
        }
        if (e is { OutcomeUnknown: true, IdempotencyKey: { } key })
        {
            complaint.Line("It may have happened all the same. " + HowToRepeat(key, call));
        }
        if (e is { Status: 500, RequestId: { } id })
        {
            complaint.Line($"The server's log names this call {id}.");
        }
        if (e.Status == 0)
        {
            complaint.Line("Is the marketplace up? See: agora status");
        }
    }

    // A purchase under the same key for another total would be another request.
    private static string HowToRepeat(string key, Invocation? call)
    {
        var total = call?.ExpectedTotal is { } agreed ? $" --total {Show.Money(agreed)}" : "";
        return $"Repeated with this, it does not happen twice: --idempotency-key {key}{total}";
    }

    /// <summary>A command as it is typed here: at the prompt, without the program's name before it.</summary>
    private string Spelled(string command) => _session is null ? $"agora {_role} {command}" : command;

    private void Write(TextWriter output, Layout layout)
    {
        // Where nobody looks at a screen, nothing need fit one.
        const int Roomy = 240;
        var terminal = _user.Terminal;
        var isStyled = terminal is { HasScreen: true, WantsColours: true };
        foreach (var line in layout(terminal.HasScreen ? terminal.Width : Roomy, isStyled))
        {
            output.WriteLine(line);
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
    internal sealed class Invocation(
        Trade<TClient> trade, Session session, ParseResult parse, string? key, Complaint complaint,
        CancellationToken cancel)
        : IQuestions
    {
        public TClient Client => session.Client;

        public Session Session => session;

        public string? Key => key;

        public CancellationToken Cancel => cancel;

        /// <summary>What the buyer has agreed to pay. A purchase that is repeated must ask for the same.</summary>
        public decimal? ExpectedTotal { get; set; }

        public bool HasKeyboard => trade._user.Terminal.HasKeyboard;

        public T? Get<T>(Option<T> option) => parse.GetValue(option);

        public T? Get<T>(Argument<T> argument) => parse.GetValue(argument);

        public Task<string?> AskAsync(string question, bool secret) =>
            trade._user.AskAsync(question, secret, parse.InvocationConfiguration.Error, cancel);

        public string Spelled(string command) => trade.Spelled(command);

        public string? ReadLine() => trade._user.Terminal.ReadLine();

        /// <summary>The option's value, or what the person at the keyboard answers.</summary>
        public async Task<string> GetOrAskAsync(Option<string?> option, string question) =>
            parse.GetValue(option)
            ?? await AskAsync(question + ": ", secret: false)
            ?? throw new TradeException(
                Complaint.InvalidCommand, $"{option.Name} is missing, and there is no keyboard to ask for it.");

        /// <summary>Shows something that is no answer: beside the output, which programs may read.</summary>
        public void ShowAside(Layout layout) => trade.Write(parse.InvocationConfiguration.Error, layout);

        /// <summary>The client, where a login is needed: without one there is no point in asking a server.</summary>
        public TClient LoggedIn =>
            session.Client.Token is not null
                ? session.Client
                : throw new AgoraException(ErrorCodes.NotLoggedIn, "There is no login for these servers.", 401);

        /// <summary>
        /// A read that any visitor may make. It goes under the login, which it keeps alive; one that has ended does not
        /// stand in its way.
        /// </summary>
        public async Task<T> AsVisitorAsync<T>(Func<TClient, Task<T>> read)
        {
            try
            {
                return await read(session.Client);
            }
            catch (AgoraException e) when (e.Code == ErrorCodes.NotLoggedIn && session.Client.Token is { } token)
            {
                session.Client.Token = null;
                try
                {
                    var found = await read(session.Client);
                    if (!complaint.IsJson)
                    {
                        var login = trade.Spelled("login");
                        complaint.Line($"Your session has ended; this is what any visitor sees. Log in with: {login}");
                    }
                    return found;
                }
                finally
                {
                    session.Client.Token = token;
                }
            }
        }
    }
}
