namespace Agora.Web.Shop;

/// <summary>
/// The fields of a form that another page carries as hidden fields, so that the form can be sent once more. Passwords
/// and what stands on a card are never written into a page that did not ask for them.
/// </summary>
internal static class Carried
{
    /// <summary>The first part of the names of the fields for logging in, which belong to no other form.</summary>
    public const string LoginPrefix = "login-";

    private const int MaxFields = 100;

    private static readonly HashSet<string> s_secret = new(StringComparer.Ordinal)
    {
        CheckoutForm.NumberField,
        CheckoutForm.CodeField,
    };

    public static IReadOnlyList<(string Name, string Value)> Of(PostedForm form) =>
        [
            .. form
                .All.Where(field =>
                    !s_secret.Contains(field.Name) && !field.Name.StartsWith(LoginPrefix, StringComparison.Ordinal)
                )
                .Take(MaxFields),
        ];
}
