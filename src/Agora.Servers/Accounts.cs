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
        var password = body.NewPassword("password");
        if (body.Refusal is { } invalid)
        {
            return (0, invalid);
        }
        create.PasswordHash = await passwords.HashAsync(password, call.Deadline);
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
        var password = body.Password("password");
        if (body.Refusal is { } invalid)
        {
            return (default, invalid);
        }
        if (Wait(username) is { } wait)
        {
            return (default, TooMany(wait));
        }
        limits.Logins?.Add(username);
        var account = await customers.GetCredentialsAsync(new() { Role = call.Role, UsernameKey = username }, call.Deadline);
        var correct = await passwords.VerifyAsync(
            password, account.Found ? account.PasswordHash : null, () => limits.FailedLogins.Wait(username) is null, call.Deadline);
        if (correct is null)
        {
            return (default, TooMany(Wait(username) ?? TimeSpan.Zero));
        }
        if (correct is false)
        {
            limits.FailedLogins.Add(username);
            return (default, Refusal.WrongCredentials);
        }
        var (token, hash) = Call.NewToken(account.AccountId);
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

    private TimeSpan? Wait(string username) => limits.FailedLogins.Wait(username) ?? limits.Logins?.Wait(username);

    private static Refusal TooMany(TimeSpan wait) => Refusal.TooManyRequests(wait, "Too many logins on this account; wait a while, then try again.");
}
