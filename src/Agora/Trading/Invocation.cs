using System.CommandLine;
using Agora.Client;
using Agora.Commands;
using Agora.Rest;

namespace Agora.Trading;

/// <summary>One run of a command that calls a function of the marketplace.</summary>
/// <param name="user">The person who runs it.</param>
/// <param name="session">The client, and its login.</param>
/// <param name="parse">The values of arguments and options.</param>
/// <param name="key">The idempotency key that the command line gives; null for none.</param>
/// <param name="errors">Receives notices to the person.</param>
/// <param name="spell">Turns a command into what the person must type.</param>
/// <param name="cancellationToken">Cancelled by Ctrl-C.</param>
internal sealed class Invocation<TClient>(
    User user,
    ClientSession<TClient> session,
    ParseResult parse,
    string? key,
    ErrorWriter errors,
    Func<string, string> spell,
    CancellationToken cancellationToken
) : IQuestions
    where TClient : MarketplaceClient
{
    public TClient Client => session.Client;

    public ClientSession<TClient> Session => session;

    public string? Key => key;

    public CancellationToken CancellationToken => cancellationToken;

    /// <summary>The total that the buyer has agreed to pay. A repeat of the purchase must ask for the same.</summary>
    public decimal? ExpectedTotal { get; set; }

    public bool HasKeyboard => user.Terminal.HasKeyboard;

    /// <summary>The client, for functions that need a login. Without a login no server is asked.</summary>
    public TClient LoggedIn =>
        session.Client.Token is not null
            ? session.Client
            : throw new AgoraException(ErrorCodes.NotLoggedIn, "There is no login for these servers.", 401);

    public T? Get<T>(Option<T> option) => parse.GetValue(option);

    public T? Get<T>(Argument<T> argument) => parse.GetValue(argument);

    public Task<string?> AskAsync(string question, bool secret) =>
        user.AskAsync(question, secret, parse.InvocationConfiguration.Error, cancellationToken);

    public string Spelled(string command) => spell(command);

    public Task<string?> ReadLineAsync() => user.ReadLineAsync(cancellationToken);

    /// <summary>The option's value, or the answer of the person at the keyboard.</summary>
    public async Task<string> GetOrAskAsync(Option<string?> option, string question) =>
        parse.GetValue(option)
        ?? await AskAsync(question + ": ", secret: false)
        ?? throw new TradeException(
            ErrorWriter.InvalidCommand,
            $"{option.Name} is missing, and there is no keyboard to ask for it."
        );

    /// <summary>Shows something on standard error, because programs may read standard output.</summary>
    public void ShowAside(Layout layout) => user.Write(parse.InvocationConfiguration.Error, layout);

    /// <summary>
    /// Reads something that any visitor may read. The call uses the login, which keeps the session alive. If the
    /// session has ended, the call is repeated without it.
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
                if (!errors.IsJson)
                {
                    errors.Line(
                        $"Your session has ended; this is what any visitor sees. Log in with: {spell("login")}"
                    );
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
