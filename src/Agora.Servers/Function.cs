using Agora.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;

namespace Agora.Servers;

/// <summary>
/// One of the marketplace's functions, as metadata of its endpoint: what the pipeline checks before the handler, and what OpenAPI shows.
/// </summary>
/// <param name="Name">As in the marketplace's contract; also the operation's id.</param>
internal sealed record Function(string Name)
{
    public SessionNeed Session { get; init; } = SessionNeed.Required;

    /// <summary>Whether it changes an item only of the versions that If-Match names, where that is given.</summary>
    public bool HonoursIfMatch { get; init; }

    /// <summary>Whether its answer is one item, with its version as ETag; a read then honours If-None-Match.</summary>
    public bool AnswersETag { get; init; }

    /// <summary>Whether its Idempotency-Keys are kept for ever.</summary>
    public bool KeepsKeys { get; init; }

    /// <summary>Whether its answer holds a session's token.</summary>
    public bool AnswersToken { get; init; }

    /// <summary>The codes of all errors that it may answer with, the same over its life.</summary>
    public IReadOnlyList<string> Refusals { get; init; } = [];

    /// <summary>The query's parameters that the handler reads.</summary>
    public IReadOnlyList<QueryParameter> Query { get; init; } = [];
}

/// <summary>Whether a function is called in a session.</summary>
internal enum SessionNeed
{
    /// <summary>It takes none; a token that is sent means nothing to it.</summary>
    None,

    /// <summary>It serves visitors too; a token that is sent must be a living session's.</summary>
    Optional,

    /// <summary>It serves nobody else.</summary>
    Required,
}

/// <summary>A parameter of a query.</summary>
internal sealed record QueryParameter(string Name, string Description, bool IsInteger = false, bool IsMany = false, bool IsRequired = false)
{
    /// <summary>The smallest number, or the length of the shortest text.</summary>
    public int Min { get; init; } = 1;

    /// <summary>The largest number, or the length of the longest text.</summary>
    public required int Max { get; init; }

    /// <summary>What it is when it is left out.</summary>
    public int? Default { get; init; }

    /// <summary>How often it may be given.</summary>
    public int? MaxItems { get; init; }

    public static QueryParameter[] Page { get; } =
    [
        new("limit", "How many at most.", IsInteger: true) { Max = Bounds.MaxPage, Default = Bounds.Page },
        new("cursor", "The nextCursor of the page before; none for the first page.") { Max = Bounds.MaxCursor },
    ];
}

/// <summary>How the route tables say what each line is.</summary>
internal static class FunctionRoutes
{
    /// <summary>Names the function of an endpoint and everything that it may answer with instead of success, beside what every function may.</summary>
    public static RouteHandlerBuilder As(this RouteHandlerBuilder route, Function function, string summary, params string[] refusals)
    {
        route.WithName(function.Name).WithSummary(summary);
        route.Add(endpoint =>
        {
            // A session's token is known to its user alone: a repeat of Login gets another one.
            var takesKey = !function.AnswersToken
                && endpoint.Metadata.OfType<IHttpMethodMetadata>().Any(methods => !methods.HttpMethods.Contains(HttpMethods.Get));
            // Where nothing can be said in a call, all its calls are the same.
            var maySay = function.Query.Count > 0 || endpoint.Metadata.OfType<IAcceptsMetadata>().Any()
                || endpoint is RouteEndpointBuilder { RoutePattern.Parameters.Count: > 0 };
            var described = function with
            {
                Refusals =
                [
                    ErrorCodes.InvalidRequest, .. Where(function.Session != SessionNeed.None, ErrorCodes.NotLoggedIn), .. refusals,
                    .. Where(takesKey && maySay, ErrorCodes.KeyReused), .. Where(takesKey && !function.KeepsKeys, ErrorCodes.KeyExpired),
                    ErrorCodes.TooManyRequests, ErrorCodes.Unavailable,
                ],
            };
            endpoint.Metadata.Add(described);
            foreach (var status in described.Refusals.Select(code => Refusal.Kinds[code].Status).Distinct().Order())
            {
                endpoint.Metadata.Add(new ProducesResponseTypeMetadata(status, typeof(Problem), [Problem.MediaType]));
            }
        });
        return route;

        static string[] Where(bool holds, string code) => holds ? [code] : [];
    }

    /// <summary>The body that the handler reads, field by field, as <typeparamref name="TBody"/> has them.</summary>
    public static RouteHandlerBuilder Takes<TBody>(this RouteHandlerBuilder route) where TBody : notnull =>
        route.WithMetadata(new AcceptsMetadata(["application/json"], typeof(TBody)))
            .Produces<Problem>(413, Problem.MediaType)
            .Produces<Problem>(415, Problem.MediaType);

    private sealed class AcceptsMetadata(string[] contentTypes, Type type) : IAcceptsMetadata
    {
        public IReadOnlyList<string> ContentTypes => contentTypes;

        public Type? RequestType => type;

        public bool IsOptional => false;
    }
}
