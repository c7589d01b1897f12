using System.Net;
using Agora.Contracts.Customers;

namespace Agora.Servers;

/// <summary>CreateAccount, Login and Logout, the same for sellers and buyers.</summary>
internal sealed class Accounts(CustomersDatabase customers, Passwords passwords, RateLimits limits)
{
    private const int MaxUsernameLength = 64;

    public async Task<(long AccountId, Refusal?)> CreateAsync(Call call)
    {
        var body = await call.BodyAsync();
        var create = new CreateAccount
        {
            Role = call.Role,
            Name = body.Line("name", 32),
            Username = body.Line("username", MaxUsernameLength),
        };
        var password = body.Exactly("password", Passwords.MaxLength);
        if (body.Refusal is { } invalid)
        {
            return (0, invalid);
        }
        try
        {
            create.PasswordHash = await passwords.HashAsync(password, ClientAddress.Of(call.Http), call.Deadline);
        }
        catch (TooManyWaitingException)
        {
            return (0, TooManyWaiting());
        }
        var reply = await customers.ExecuteAsync(call.RequestId(create.Username), new Command { CreateAccount = create }, call.Deadline);
        return reply.Error != Error.None ? (0, Refusal.Of(reply.Error)) : (reply.AccountCreated.AccountId, null);
    }

    /// <summary>
    /// Begins a session. The Idempotency-Key is not used: a repeat gets a token of its own, since no server can know the first one's,
    /// and the session that nobody has the token of ends by itself.
    /// </summary>
    public async Task<((string Token, long AccountId), Refusal?)> LoginAsync(Call call)
    {
        var body = await call.BodyAsync();
        var username = body.Line("username", MaxUsernameLength);
        var password = body.Exactly("password", Passwords.MaxLength);
        if (body.Refusal is { } invalid)
        {
            return (default, invalid);
        }
        var client = ClientAddress.Of(call.Http);
        if (Wait(username, client) is { } wait)
        {
            return (default, TooMany(wait));
        }
        limits.Logins?.Add(username, client);
        var account = await customers.GetCredentialsAsync(new() { Role = call.Role, UsernameKey = username }, call.Deadline);
        bool? correct;
        try
        {
            correct = await passwords.VerifyAsync(
                password, account.Found ? account.PasswordHash : null, () => limits.FailedLogins.Wait(username, client) is null, client, call.Deadline);
        }
        catch (TooManyWaitingException)
        {
            return (default, TooManyWaiting());
        }
        if (correct is null)
        {
            return (default, TooMany(Wait(username, client) ?? TimeSpan.Zero));
        }
        if (correct is false)
        {
            limits.FailedLogins.Add(username, client);
            return (default, Refusal.WrongCredentials);
        }
        var (token, hash) = Call.NewToken();
        var open = new OpenSession { Role = call.Role, AccountId = account.AccountId, TokenHash = hash };
        var reply = await customers.ExecuteAsync(RequestId.Random(), new Command { OpenSession = open }, call.Deadline);
        return reply.Error != Error.None ? (default, Refusal.Of(reply.Error)) : ((token, account.AccountId), null);
    }

    public async Task<Refusal?> LogoutAsync(Call call)
    {
        var close = new Command { CloseSession = new() { Session = call.Session } };
        var reply = await customers.ExecuteAsync(call.RequestId(), close, call.Deadline);
        return reply.Error != Error.None ? Refusal.Of(reply.Error) : null;
    }

    private TimeSpan? Wait(string username, IPAddress client) =>
        limits.FailedLogins.Wait(username, client) ?? limits.Logins?.Wait(username, client);

    private static Refusal TooManyWaiting() => Refusal.TooManyRequests(
        TimeSpan.FromSeconds(1), "Too many logins from this address are waiting; wait a while, then go on with fewer at a time.");

    private static Refusal TooMany(TimeSpan wait) => Refusal.TooManyRequests(wait, "Too many logins on this account; wait a while, then try again.");
}
