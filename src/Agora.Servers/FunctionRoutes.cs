using Agora.Rest;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Metadata;
using Microsoft.AspNetCore.Routing;

namespace Agora.Servers;

/// <summary>Describes the lines of the route tables.</summary>
internal static class FunctionRoutes
{
    /// <summary>
    /// Names the function of an endpoint, and the errors that it may answer besides those of every function.
    /// </summary>
    public static RouteHandlerBuilder As(
        this RouteHandlerBuilder route,
        Function function,
        string summary,
        params string[] refusals
    )
    {
        route.WithName(function.Name).WithSummary(summary);
        route.Add(endpoint =>
        {
            // No server knows a session's token, so a repeat of Login gets another one: it takes no key.
            var takesKey =
                !function.AnswersToken
                && endpoint
                    .Metadata.OfType<IHttpMethodMetadata>()
                    .Any(methods => !methods.HttpMethods.Contains(HttpMethods.Get));
            // Calls of a function without any input cannot differ.
            var hasInput =
                function.Query.Count > 0
                || endpoint.Metadata.OfType<IAcceptsMetadata>().Any()
                || endpoint is RouteEndpointBuilder { RoutePattern.Parameters.Count: > 0 };
            var described = function with
            {
                Refusals =
                [
                    ErrorCodes.InvalidRequest,
                    .. Where(function.Session != SessionNeed.None, ErrorCodes.NotLoggedIn),
                    .. refusals,
                    .. Where(takesKey && hasInput, ErrorCodes.KeyReused),
                    .. Where(takesKey && !function.KeepsKeys, ErrorCodes.KeyExpired),
                    ErrorCodes.TooManyRequests,
                    ErrorCodes.Unavailable,
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

    /// <summary>Documents the body, <typeparamref name="TBody"/>, whose fields the handler reads.</summary>
    public static RouteHandlerBuilder Takes<TBody>(this RouteHandlerBuilder route)
        where TBody : notnull =>
        route
            .WithMetadata(new AcceptsMetadata(["application/json"], typeof(TBody)))
            .Produces<Problem>(413, Problem.MediaType)
            .Produces<Problem>(415, Problem.MediaType);

    private sealed class AcceptsMetadata(string[] contentTypes, Type type) : IAcceptsMetadata
    {
        public IReadOnlyList<string> ContentTypes => contentTypes;

        public Type? RequestType => type;

        public bool IsOptional => false;
    }
}
