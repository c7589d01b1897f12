using System.CommandLine;
using System.Security.Cryptography;
using Agora.Client;
using Agora.Cluster;
using Agora.Commands;
using Agora.Rest;

namespace Agora.Trading;

/// <summary>
/// What <c>agora seller</c> and <c>agora buyer</c> share: their common options and commands, and the prompt. Every
/// command opens a client with the saved login, calls a function, and shows its result or its error.
/// </summary>
internal abstract class Trade<TClient>
    where TClient : MarketplaceClient
{
    private readonly string _role;
    private readonly User _user;
    private readonly TradeOptions _options = new();

    // While the prompt runs, all of its commands share one client, and answer in one form.
    private ClientSession<TClient>? _session;
    private bool _isJsonPrompt;

    protected Trade(string role, User user) => (_role, _user) = (role, user);

    protected abstract TClient Connect(ReplicaList servers);

    protected abstract ServerGroup ServersOf(ClusterFile cluster);

    protected abstract IEnumerable<Command> Functions();

    protected abstract Task<(long Id, string Json)> CreateAccountAsync(
        TClient client,
        string name,
        string username,
        string password,
        string? key,
        CancellationToken cancellationToken
    );

    protected abstract Task<(long Id, string Token, string Json)> LoginAsync(
        TClient client,
        string username,
        string password,
        string? key,
        CancellationToken cancellationToken
    );

    /// <summary>The command with all functions below it; alone, the prompt.</summary>
    public Command Create(string description)
    {
        Command command = new(_role, description);
        _options.AddTo(command);
        foreach (var function in Functions())
        {
            command.Add(function);
        }

        command.SetAction(PromptAsync);
        return command
            .WithExitStatus()
            .WithExamples(
                $"agora {_role}                                    a prompt, for one command after another",
                $"agora {_role} login --username ann               then one command at a time",
                $"agora {_role} --json account                     for programs"
            );
    }

    /// <summary>The commands that both roles have.</summary>
    protected IEnumerable<Command> AccountFunctions()
    {
        Option<string?> name = new("--name", "-n")
        {
            Description = "What others see, 1 to 32 characters",
            Required = true,
        };
        var username = Username();
        PasswordOptions password = new();
        yield return password
            .AddTo(
                Function(
                    "create-account",
                    $"Makes a {_role}'s account",
                    async call =>
                    {
                        var user = await call.GetOrAskAsync(username, "Username");
                        var secret = await password.ReadAsync(call, isNew: true);
                        var (id, json) = await CreateAccountAsync(
                            call.Client,
                            call.Get(name)!,
                            user,
                            secret,
                            call.Key,
                            call.CancellationToken
                        );
                        var next = Spelled($"login -u {user}");
                        return new TradeResult(
                            json,
                            Layouts.Line($"The account is made: {_role} {id}. Log in with: {next}")
                        );
                    },
                    changes: true,
                    name,
                    username
                )
            )
            .WithExamples(
                $"agora {_role} create-account --name Ann --username ann",
                $"agora {_role} create-account --name Ann --username ann --password-stdin < FILE     in a script"
            );

        var loginUsername = Username();
        PasswordOptions loginPassword = new();
        yield return loginPassword
            .AddTo(
                Function(
                    "login",
                    "Begins a session for later commands",
                    async call =>
                    {
                        var user = await call.GetOrAskAsync(loginUsername, "Username");
                        var secret = await loginPassword.ReadAsync(call, isNew: false);
                        var (id, token, json) = await LoginAsync(
                            call.Client,
                            user,
                            secret,
                            call.Key,
                            call.CancellationToken
                        );
                        await call.Session.SaveAsync(user, token, call.CancellationToken);
                        return new TradeResult(json, Layouts.Line($"Logged in as {user}, {_role} {id}."));
                    },
                    changes: true,
                    loginUsername
                )
            )
            .WithExamples(
                $"agora {_role} login --username ann",
                $"agora {_role} login -u ann --password-stdin < FILE     in a script",
                $"agora {_role} login -u bob --profile bob               be two people at once"
            );

        yield return Function(
                "logout",
                "Ends the session",
                async call =>
                {
                    try
                    {
                        await call.LoggedIn.LogoutAsync(call.Key, call.CancellationToken);
                    }
                    catch (AgoraException e) when (e.Code == ErrorCodes.NotLoggedIn && call.Session.Login is not null)
                    {
                        // The session has ended already; only the saved login must go.
                    }

                    await call.Session.ForgetAsync(call.CancellationToken);
                    return TradeResult.Done("Logged out.");
                },
                changes: true
            )
            .WithExamples($"agora {_role} logout");
    }

    /// <summary>A command that calls one function of the marketplace.</summary>
    protected Command Function(
        string name,
        string description,
        Func<Invocation<TClient>, Task<TradeResult>> run,
        bool changes,
        params ReadOnlySpan<Symbol> inputs
    )
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
            command.Add(Key);
        }

        command.SetAction((parse, cancellationToken) => RunAsync(parse, changes, run, cancellationToken));
        return command;
    }

    /// <summary>The option that names a change, so that a repeat does not happen twice.</summary>
    protected Option<string?> Key => _options.Key;

    protected static Argument<string> ItemId() => new("ITEM") { Description = "The item's id, like 3-17" };

    protected static Option<int?> Limit() =>
        new("--limit")
        {
            Description = "How many at most, 1 to 200; 50 by default",
            HelpName = "N",
            CustomParser = Numbers.OptionalInt,
        };

    protected static Option<string?> Cursor() =>
        new("--cursor") { Description = "The cursor of the previous page", HelpName = "CURSOR" };

    private static Option<string?> Username() =>
        new("--username", "-u") { Description = "The account's username; asked for if not given" };

    private async Task<int> RunAsync(
        ParseResult parse,
        bool changes,
        Func<Invocation<TClient>, Task<TradeResult>> run,
        CancellationToken cancellationToken
    )
    {
        var console = parse.InvocationConfiguration;
        ErrorWriter errors = new(console.Error, IsJson(parse));
        TradeErrorWriter tradeErrors = new(errors, _user, console.Error, Spelled);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        using var key = _user.Terminal.OnControlC(stop.Cancel);
        Invocation<TClient>? call = null;
        var isLogin = parse.CommandResult.Command.Name == "login";
        var session = _session;
        try
        {
            session ??= Open(parse);
            call = new(_user, session, parse, changes ? parse.GetValue(Key) : null, errors, Spelled, stop.Token);
            var result = await run(call);
            if (errors.IsJson)
            {
                console.Output.WriteLine(result.Json);
            }
            else
            {
                _user.Write(console.Output, result.Layout);
            }

            return ExitStatus.Done;
        }
        catch (AgoraException e)
        {
            tradeErrors.Write(e, call?.ExpectedTotal, isLogin);
            return e.IsTransient ? ExitStatus.NotServed : ExitStatus.Refused;
        }
        catch (CallCanceledException e)
        {
            tradeErrors.Write(e, call?.ExpectedTotal, isLogin);
            return ExitStatus.Stopped;
        }
        catch (OperationCanceledException)
        {
            errors.Write(new CallCanceledException());
            return ExitStatus.Stopped;
        }
        catch (TradeException e)
        {
            errors.Write(e.Code, e.Message);
            return ExitStatus.Refused;
        }
        catch (Exception e) when (IsOfThisMachine(e))
        {
            errors.Write(ErrorWriter.Local, e.Message);
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

    // A failure of standard output is reported in one place for all commands.
    private static bool IsOfThisMachine(Exception e) =>
        e
            is ClusterFileException
                or (IOException and not OutputException)
                or UnauthorizedAccessException
                or CryptographicException;

    private bool IsJson(ParseResult parse) => _isJsonPrompt || parse.GetValue(_options.Json);

    private async Task<int> PromptAsync(ParseResult parse, CancellationToken cancellationToken)
    {
        var console = parse.InvocationConfiguration;
        _isJsonPrompt = parse.GetValue(_options.Json);
        try
        {
            _session = Open(parse);
        }
        catch (Exception e) when (IsOfThisMachine(e))
        {
            new ErrorWriter(console.Error, _isJsonPrompt).Write(ErrorWriter.Local, e.Message);
            _isJsonPrompt = false;
            return ExitStatus.Refused;
        }

        try
        {
            var root = new RootCommand($"What a {_role} can do") { HelpName = "" };
            root.Add(_options.Json);
            foreach (var function in Functions())
            {
                root.Add(function);
            }

            Examples.ShowInHelp(root);
            string Label() => $"{_session.Login?.ToString() ?? _role}> ";
            Prompt prompt = new(root, _user.Terminal, console, _isJsonPrompt, Label);
            var servers = _session.Client.Servers;
            var more = servers.Servers.Count > 1 ? $" and {servers.Servers.Count - 1} more" : "";
            return await prompt.RunAsync(
                $"Agora, as a {_role}, at {servers.Current.Authority}{more}. "
                    + "Tab completes, help explains, exit ends.",
                cancellationToken
            );
        }
        finally
        {
            _session.Dispose();
            _session = null;
            _isJsonPrompt = false;
        }
    }

    private ClientSession<TClient> Open(ParseResult parse)
    {
        var notices = IsJson(parse) ? TextWriter.Null : parse.InvocationConfiguration.Error;
        void Notify(string notice) => notices.WriteLine(Printable.Of(notice));
        var list = _options.Connect(parse, ServersOf, Notify);
        string[] names = [.. list.Servers.Select(server => server.GetLeftPart(UriPartial.Path).TrimEnd('/'))];
        Logins logins = new(_user.LoginFile, Notify);
        ClientSession<TClient> session = new(Connect(list), list, logins, _role, _options.Profile(parse), names);
        session.Restore();
        return session;
    }

    /// <summary>A command as the person types it: at the prompt without the program's name.</summary>
    private string Spelled(string command) => _session is null ? $"agora {_role} {command}" : command;
}
