using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Agora.Rest;
using Microsoft.AspNetCore.OpenApi;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;

namespace Agora.Servers;

/// <summary>
/// Adds to the OpenAPI document what the generator cannot see in the handlers: parameters that they read themselves,
/// sessions, and the words of enums.
/// </summary>
internal static class OpenApiDescription
{
    public const string BearerScheme = "bearer";

    public const string Name = "v1";

    private static readonly Dictionary<Type, string> s_examples = new()
    {
        [typeof(CreateAccountRequest)] = """{ "name": "Sam Seller", "username": "sam", "password": "correct-horse" }""",
        [typeof(LoginRequest)] = """{ "username": "sam", "password": "correct-horse" }""",
        [typeof(RegisterItemRequest)] = """
            { "name": "Red bike", "category": 3, "keywords": ["red", "bike"], "condition": "used",
            "price": 99.90, "quantity": 10 }
            """,
        [typeof(ChangePriceRequest)] = """{ "price": 89.90 }""",
        [typeof(UnitsRequest)] = """{ "quantity": 2 }""",
        [typeof(AddToCartRequest)] = """{ "itemId": "3-1", "quantity": 2 }""",
        [typeof(PurchaseRequest)] = """
            { "cardholderName": "Bea Buyer", "cardNumber": "4111111111111111",
            "expirationDate": "12/39", "securityCode": "123" }
            """,
        [typeof(FeedbackRequest)] = """{ "thumb": "up" }""",
        [typeof(SellerCreated)] = """{ "sellerId": 1 }""",
        [typeof(BuyerCreated)] = """{ "buyerId": 2 }""",
        [typeof(SellerSession)] = """
            { "token": "CzBVep_E6Q4zWH2ix-wRNluApcrvFDleg6jN8hc8YYYAAAAAAAAAAQ", "sellerId": 1,
            "expiresInSeconds": 300 }
            """,
        [typeof(BuyerSession)] = """
            { "token": "CzBVep_E6Q4zWH2ix-wRNluApcrvFDleg6jN8hc8YYYAAAAAAAAAAQ", "buyerId": 2,
            "expiresInSeconds": 300 }
            """,
        [typeof(SellerRating)] = """{ "sellerId": 1, "thumbsUp": 7, "thumbsDown": 1 }""",
        [typeof(Seller)] = """
            { "sellerId": 1, "name": "Sam Seller", "itemsSold": 12, "feedback": { "thumbsUp": 7,
            "thumbsDown": 1 } }
            """,
        [typeof(SellerAccount)] = """
            { "sellerId": 1, "name": "Sam Seller", "username": "sam", "itemsSold": 12,
            "feedback": { "thumbsUp": 7, "thumbsDown": 1 } }
            """,
        [typeof(BuyerAccount)] = """{ "buyerId": 2, "name": "Bea Buyer", "username": "bea", "itemsPurchased": 2 }""",
        [typeof(SalePage)] = """
            { "sales": [{ "at": "2031-05-06T07:08:09+00:00", "itemId": "3-1", "name": "Red bike",
            "quantity": 2, "unitPrice": 99.90 }], "nextCursor": null }
            """,
        [typeof(ItemRegistered)] = """{ "itemId": "3-1" }""",
        [typeof(Item)] = AnItem,
        [typeof(ItemPage)] = $$"""{ "items": [{{AnItem}}], "nextCursor": null }""",
        [typeof(Cart)] = """
            { "lines": [{ "itemId": "3-1", "quantity": 2, "name": "Red bike", "unitPrice": 99.90,
            "available": 10 }], "total": 199.80 }
            """,
        [typeof(Receipt)] = """
            { "purchaseId": "abb2c32749e9de0581288da042a50c1e", "lines": [{ "itemId": "3-1",
            "quantity": 2, "unitPrice": 99.90 }], "total": 199.80 }
            """,
    };

    private const string AnItem = """
        { "id": "3-1", "name": "Red bike", "category": 3, "keywords": ["red", "bike"],
        "condition": "used", "price": 99.90, "quantity": 10, "sellerId": 1,
        "feedback": { "thumbsUp": 7, "thumbsDown": 1 } }
        """;

    public static void AddTo(IServiceCollection services, string title) =>
        services.AddOpenApi(
            Name,
            options =>
            {
                options.AddDocumentTransformer(
                    (document, _, _) =>
                    {
                        document.Info = new OpenApiInfo
                        {
                            Title = title,
                            Version = "1",
                            Description = "Every error is application/problem+json (RFC 9457) with a stable code.",
                            License = new OpenApiLicense { Name = "MIT", Identifier = "MIT" },
                        };
                        document.Components ??= new OpenApiComponents();
                        document.Components.SecuritySchemes = new Dictionary<string, IOpenApiSecurityScheme>
                        {
                            [BearerScheme] = new OpenApiSecurityScheme
                            {
                                Type = SecuritySchemeType.Http,
                                Scheme = BearerScheme,
                                Description = "The token of a session, as Login answers it.",
                            },
                        };
                        return Task.CompletedTask;
                    }
                );
                options.AddOperationTransformer(
                    (operation, context, _) =>
                    {
                        if (
                            context.Description.ActionDescriptor.EndpointMetadata.OfType<Function>().FirstOrDefault() is
                            { } function
                        )
                        {
                            Describe(operation, function, context);
                        }

                        return Task.CompletedTask;
                    }
                );
                options.AddSchemaTransformer(
                    (schema, context, _) =>
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
                        else if (s_examples.TryGetValue(type, out var example))
                        {
                            schema.Examples = [JsonNode.Parse(example)!];
                        }

                        return Task.CompletedTask;
                    }
                );
            }
        );

    private static void Describe(
        OpenApiOperation operation,
        Function function,
        OpenApiOperationTransformerContext context
    )
    {
        operation.Parameters ??= [];
        foreach (var parameter in function.Query)
        {
            var schema = new OpenApiSchema
            {
                Type = parameter.IsInteger ? JsonSchemaType.Integer : JsonSchemaType.String,
                Minimum = parameter.IsInteger ? Number(parameter.Min) : null,
                Maximum = parameter.IsInteger ? Number(parameter.Max) : null,
                MinLength = parameter.IsInteger ? null : parameter.Min,
                MaxLength = parameter.IsInteger ? null : parameter.Max,
                Default = parameter.Default is { } value ? JsonValue.Create(value) : null,
            };
            operation.Parameters.Add(
                new OpenApiParameter
                {
                    Name = parameter.Name,
                    In = ParameterLocation.Query,
                    Description = parameter.Description,
                    Required = parameter.IsRequired,
                    Schema = parameter.IsMany
                        ? new OpenApiSchema
                        {
                            Type = JsonSchemaType.Array,
                            Items = schema,
                            MaxItems = parameter.MaxItems,
                        }
                        : schema,
                    Explode = parameter.IsMany,
                }
            );
        }

        operation.Description =
            operation.Summary
            + (
                context.Description.HttpMethod == HttpMethod.Get.Method
                    ? " Changes nothing."
                    : " Send the same Idempotency-Key to repeat the call, at any server: it takes effect once."
            );
        foreach (var (status, response) in operation.Responses ?? [])
        {
            if (
                response.Content is { } content
                && content.TryGetValue(Problem.MediaType, out var media)
                && media is OpenApiMediaType problem
            )
            {
                DescribeProblems(response, problem, int.Parse(status, CultureInfo.InvariantCulture), function);
            }
        }
    }

    // The errors of a body's media type or size belong to no function: each of these statuses has one code only.
    private static void DescribeProblems(
        IOpenApiResponse response,
        OpenApiMediaType problem,
        int status,
        Function function
    )
    {
        var codes = Refusal.Kinds.Where(kind => kind.Value.Status == status).Select(kind => kind.Key).ToArray();
        var possible = codes.Length == 1 ? codes : codes.Intersect(function.Refusals).ToArray();
        response.Description = string.Join("; ", possible.Select(code => $"{code}: {Refusal.Kinds[code].Title}"));
        problem.Examples = possible.ToDictionary(
            code => code,
            code =>
                (IOpenApiExample)
                    new OpenApiExample
                    {
                        Summary = Refusal.Kinds[code].Title,
                        Value = JsonSerializer.SerializeToNode(
                            Refusal.ProblemOf(code) with
                            {
                                Detail = $"{Refusal.Kinds[code].Title}.",
                                RequestId = "CzBVep_E6Q4zWH2ix-wRNg",
                            },
                            AgoraJson.Readable.Problem
                        ),
                    }
        );
    }

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    private static void OneOf(OpenApiSchema schema, params string[] words)
    {
        schema.Type = JsonSchemaType.String;
        schema.Enum = [.. words.Select(word => (JsonNode)word)];
    }
}
