using System.Collections;
using Agora.Client;
using Agora.Rest;

namespace Agora.Web.Shop;

/// <summary>What is wrong with the fields of a form, in words that stand beside them.</summary>
public sealed class FormErrors : IEnumerable<(string Field, string Message)>
{
    private readonly List<(string Field, string Message)> _errors = [];

    /// <summary>Nothing is wrong.</summary>
    public static FormErrors None => new();

    /// <summary>Whether nothing is wrong.</summary>
    public bool IsEmpty => _errors.Count == 0;

    /// <summary>What is wrong with a field; null if nothing is.</summary>
    public string? this[string field] => _errors.FirstOrDefault(e => e.Field == field).Message;

    /// <summary>Notes what is wrong; the first remark on a field stands.</summary>
    public void Add(string field, string message)
    {
        if (this[field] is null)
        {
            _errors.Add((field, message));
        }
    }

    /// <inheritdoc/>
    public IEnumerator<(string Field, string Message)> GetEnumerator() => _errors.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The servers' own remarks on the fields of a request, under the labels that the form shows.</summary>
    /// <param name="refusal">A refusal with <see cref="ErrorCodes.InvalidRequest"/>.</param>
    /// <param name="fields">The field's name in the request, its name in the form, and its label there.</param>
    internal void AddFrom(AgoraException refusal, params ReadOnlySpan<(string Field, string Own, string Label)> fields)
    {
        foreach (var (field, own, label) in fields)
        {
            if (refusal.Errors.TryGetValue(field, out var reasons) && reasons.Length > 0)
            {
                Add(own, $"{label} {reasons[0]}.");
            }
        }

        if (IsEmpty)
        {
            Add("", refusal.Detail);
        }
    }
}
