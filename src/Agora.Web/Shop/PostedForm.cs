using System.Globalization;
using Agora.Client;
using Microsoft.AspNetCore.Http;

namespace Agora.Web.Shop;

/// <summary>The fields of a form that a browser sent.</summary>
internal sealed class PostedForm
{
    /// <summary>The hidden field of the key under which the form's call happens once.</summary>
    public const string KeyField = "key";

    private readonly IFormCollection _fields;

    private PostedForm(IFormCollection fields)
    {
        _fields = fields;
        var key = Text(KeyField);
        Key = MarketplaceClient.IsKey(key) ? key : NewKey();
    }

    /// <summary>
    /// The key that was minted when the form was rendered. It stays the same however often the form is sent.
    /// </summary>
    public string Key { get; }

    /// <summary>All fields, in the order of their names.</summary>
    public IEnumerable<(string Name, string Value)> All =>
        _fields.SelectMany(entry => entry.Value.Select(value => (entry.Key, value ?? "")));

    public static string NewKey() => Guid.NewGuid().ToString("N");

    /// <exception cref="BadHttpRequestException">The body is no form, or too large.</exception>
    public static async Task<PostedForm> ReadAsync(HttpRequest request)
    {
        if (
            request.ContentType is not { } type
            || !type.StartsWith("application/x-www-form-urlencoded", StringComparison.OrdinalIgnoreCase)
        )
        {
            throw new BadHttpRequestException("The body is no form.", StatusCodes.Status415UnsupportedMediaType);
        }

        try
        {
            return new PostedForm(await request.ReadFormAsync(request.HttpContext.RequestAborted));
        }
        catch (InvalidDataException e)
        {
            throw new BadHttpRequestException("The form has too many fields.", StatusCodes.Status400BadRequest, e);
        }
    }

    /// <summary>A field's text; empty if it is missing.</summary>
    public string Text(string name) => _fields.TryGetValue(name, out var values) ? values[0] ?? "" : "";

    /// <summary>All values of a field that comes several times.</summary>
    public IEnumerable<string> Texts(string name) =>
        _fields.TryGetValue(name, out var values) ? values.OfType<string>() : [];

    public bool Has(string name) => _fields.ContainsKey(name);

    /// <summary>A whole number from 0; null if the field holds none, or one that no field here may hold.</summary>
    public int? Number(string name) =>
        int.TryParse(Text(name).Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}
