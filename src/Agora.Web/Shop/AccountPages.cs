using Agora.Client;
using Agora.Rest;
using Agora.Web.Page;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Shop;

/// <summary>
/// Logging in and out, and new accounts, of buyers and sellers. A user whose session has ended while a form was open
/// logs in on a page that carries the form's fields. It is then sent once more, to where it was meant to go, by a
/// redirect that keeps the method and the body (307). So nothing has to be typed again, and nothing is kept here.
/// </summary>
internal static class AccountPages
{
    public const string NameField = Carried.LoginPrefix + "name";
    public const string UsernameField = Carried.LoginPrefix + "username";
    public const string PasswordField = Carried.LoginPrefix + "password";
    public const string NextField = Carried.LoginPrefix + "next";

    /// <summary>Present if the form is to be sent once more.</summary>
    public const string AgainField = Carried.LoginPrefix + "again";

    public static string LoginPath(ShopRole role) => role == ShopRole.Seller ? "/desk/login" : "/login";

    public static string RegisterPath(ShopRole role) => role == ShopRole.Seller ? "/desk/register" : "/register";

    public static async Task<IResult> LoginFormAsync(ShopVisit visit) =>
        Form(
            await visit.HeaderAsync(),
            new AccountForm(visit.Role)
            {
                Next = Next(visit, visit.Query("next")),
                Ended = visit.Query("ended").Length > 0,
            },
            StatusCodes.Status200OK
        );

    public static async Task<IResult> RegisterFormAsync(ShopVisit visit) =>
        Form(
            await visit.HeaderAsync(),
            new AccountForm(visit.Role) { IsNew = true, Next = Next(visit, visit.Query("next")) },
            StatusCodes.Status200OK
        );

    /// <summary>Leads a user without a session to the form for logging in, and back.</summary>
    public static async Task<IResult> LogInFirstAsync(ShopVisit visit)
    {
        var isSeller = visit.Role == ShopRole.Seller;
        var ended = isSeller ? visit.HasSeller : visit.HasBuyer;
        if (ended && isSeller)
        {
            visit.ForgetSeller();
        }
        else if (ended)
        {
            visit.ForgetBuyer();
        }

        var request = visit.Http.Request;
        if (!HttpMethods.IsPost(request.Method))
        {
            var next = Uri.EscapeDataString($"{request.Path}{request.QueryString}");
            return ShopVisit.Go($"{LoginPath(visit.Role)}?next={next}{(ended ? "&ended=1" : "")}");
        }

        return Form(
            new ShopHeader(false, visit.HasSeller && !isSeller, null, false, visit.Categories),
            new AccountForm(visit.Role)
            {
                Next = LocalPath.Of(request.Path),
                Ended = ended,
                Fields = Carried.Of(await visit.FormAsync()),
            },
            StatusCodes.Status403Forbidden
        );
    }

    public static async Task<IResult> LoginAsync(ShopVisit visit)
    {
        var form = await visit.FormAsync();
        AccountForm account = new(visit.Role)
        {
            Next = Next(visit, form.Text(NextField)),
            Fields = form.Has(AgainField) ? Carried.Of(form) : null,
            Username = form.Text(UsernameField),
        };
        if (form.Has(NameField))
        {
            // From the form for a new account, by its button for those who have one.
            return Form(await visit.HeaderAsync(), account, StatusCodes.Status200OK);
        }

        try
        {
            await BeginSessionAsync(visit, account.Username, form.Text(PasswordField));
            return GoOn(account);
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.NotLoggedIn)
        {
            account.Errors.Add(PasswordField, "The username or the password is wrong.");
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.TooManyRequests)
        {
            account.Errors.Add(PasswordField, "Too many tries for this username. Wait a minute, then try again.");
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.InvalidRequest)
        {
            AddErrors(account.Errors, e);
        }

        return Form(await visit.HeaderAsync(), account, StatusCodes.Status422UnprocessableEntity);
    }

    public static async Task<IResult> RegisterAsync(ShopVisit visit)
    {
        var form = await visit.FormAsync();
        AccountForm account = new(visit.Role)
        {
            IsNew = true,
            Next = Next(visit, form.Text(NextField)),
            Fields = form.Has(AgainField) ? Carried.Of(form) : null,
            Name = form.Text(NameField),
            Username = form.Text(UsernameField),
        };
        if (!form.Has(NameField))
        {
            // From the form for logging in, by its button for those who are new.
            return Form(await visit.HeaderAsync(), account, StatusCodes.Status200OK);
        }

        var password = form.Text(PasswordField);
        try
        {
            if (visit.Role == ShopRole.Seller)
            {
                await visit.NewSeller.CreateAccountAsync(account.Name, account.Username, password, form.Key);
            }
            else
            {
                await visit.NewBuyer.CreateAccountAsync(account.Name, account.Username, password, form.Key);
            }

            await BeginSessionAsync(visit, account.Username, password);
            return GoOn(account);
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.UsernameTaken)
        {
            account.Errors.Add(UsernameField, "Somebody has this username already. Choose another one.");
        }
        catch (AgoraException e) when (e.Code is ErrorCodes.KeyReused or ErrorCodes.NotLoggedIn)
        {
            // Under this key the name was taken before, with another password; or the password has been mistyped since.
            account.Errors.Add(UsernameField, "There is an account with this username. Log in, or choose another one.");
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.InvalidRequest)
        {
            AddErrors(account.Errors, e);
        }

        return Form(await visit.HeaderAsync(), account, StatusCodes.Status422UnprocessableEntity);
    }

    public static async Task<IResult> LogoutAsync(ShopVisit visit)
    {
        var form = await visit.FormAsync();
        try
        {
            if (visit.Role == ShopRole.Seller)
            {
                await visit.Seller.LogoutAsync(form.Key);
            }
            else
            {
                await visit.Buyer.LogoutAsync(form.Key);
            }
        }
        catch (AgoraException e) when (e.Code == ErrorCodes.NotLoggedIn)
        {
            // The session has ended already, which is what was asked for.
        }

        if (visit.Role == ShopRole.Seller)
        {
            visit.ForgetSeller();
        }
        else
        {
            visit.ForgetBuyer();
            visit.ForgetPrices();
        }

        return ShopVisit.Go("/");
    }

    private static async Task BeginSessionAsync(ShopVisit visit, string username, string password)
    {
        if (visit.Role == ShopRole.Seller)
        {
            visit.KeepSeller((await visit.NewSeller.LoginAsync(username, password)).Token);
        }
        else
        {
            visit.KeepBuyer((await visit.NewBuyer.LoginAsync(username, password)).Token);
        }
    }

    // 307 makes the browser send the same body to the place where the form was meant to go.
    private static IResult GoOn(AccountForm account) =>
        account.Fields is null
            ? ShopVisit.Go(account.Next)
            : TypedResults.Redirect(account.Next, permanent: false, preserveMethod: true);

    private static string Next(ShopVisit visit, string next) =>
        next.Length == 0 && visit.Role == ShopRole.Seller ? "/desk" : LocalPath.Of(next);

    private static void AddErrors(FormErrors errors, AgoraException e) =>
        errors.AddFrom(
            e,
            ("name", NameField, "The name"),
            ("username", UsernameField, "The username"),
            ("password", PasswordField, "The password")
        );

    private static IResult Form(ShopHeader header, AccountForm account, int status) =>
        Pages.Render<AccountView>(status, (nameof(AccountView.Header), header), (nameof(AccountView.Form), account));
}
