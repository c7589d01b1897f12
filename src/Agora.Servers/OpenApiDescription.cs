using System.Text.Json.Nodes;
using Agora.Client;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace Agora.Servers;

/// <summary>
/// What the OpenAPI document cannot see from the handlers: parameters that they read by hand, sessions, and words that stand for enums.
/// </summary>
internal static class OpenApiDescription
{
    private const string BearerScheme = "bearer";

    public static void AddTo(IServiceCollection services, string title) => services.AddOpenApi("v1", options =>
    {
        options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new OpenApiInfo
            {
                Title = title,
                Version = "1",
                Description = "Errors are application/problem+json (RFC 9457) with a stable code.",
            };
            document.Servers = null;
            document.Components ??= new OpenApiComponents();
            document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
            {
                [BearerScheme] = new OpenApiSecurityScheme
                {
                    Type = SecuritySchemeType.Http,
                    Scheme = BearerScheme,
                    Description = "The token of a session, from Login.",
                },
            };
            return Task.CompletedTask;
        });
        options.AddOperationTransformer((operation, context, _) =>
        {
            if (context.Description.ActionDescriptor.EndpointMetadata.OfType<Function>().FirstOrDefault() is { } function)
            {
                Describe(operation, function, context);
            }
            return Task.CompletedTask;
        });
        options.AddSchemaTransformer((schema, context, _) =>
        {
            var type = Nullable.GetUnderlyingType(context.JsonTypeInfo.Type) ?? context.JsonTypeInfo.Type;
            if (type == typeof(ItemCondition))
            {
                OneOf(schema, "new", "used");
            }
            else if (type == typeof(Thumb))
            {
                OneOf(schema, "up", "down");
            }
            return Task.CompletedTask;
        });
    });

    private static void Describe(OpenApiOperation operation, Function function, OpenApiOperationTransformerContext context)
    {
        operation.Parameters ??= [];
        foreach (var parameter in function.Query)
        {
            var schema = new OpenApiSchema { Type = parameter.IsInteger ? JsonSchemaType.Integer : JsonSchemaType.String };
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = parameter.Name,
                In = ParameterLocation.Query,
                Description = parameter.Description,
                Required = parameter.IsRequired,
                Schema = parameter.IsMany ? new OpenApiSchema { Type = JsonSchemaType.Array, Items = schema } : schema,
                Explode = parameter.IsMany,
            });
        }
        if (context.Description.HttpMethod != HttpMethod.Get.Method)
        {
            operation.Parameters.Add(new OpenApiParameter
            {
                Name = "Idempotency-Key",
                In = ParameterLocation.Header,
                Description =
                    "1 to 64 visible characters, new for each thing that is wanted once: a repeat with the same key has no further effect.",
                Schema = new OpenApiSchema { Type = JsonSchemaType.String, MinLength = 1, MaxLength = 64 },
            });
        }
        if (function.NeedsSession)
        {
            operation.Security =
                [new OpenApiSecurityRequirement { [new OpenApiSecuritySchemeReference(BearerScheme, context.Document)] = [] }];
        }
    }

    private static void OneOf(OpenApiSchema schema, params string[] words)
    {
        schema.Type = JsonSchemaType.String;
        schema.Enum = [.. words.Select(word => (JsonNode)word)];
    }
}
