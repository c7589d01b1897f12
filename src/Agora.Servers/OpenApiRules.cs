using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Agora.Rest;

namespace Agora.Servers;

/// <summary>
/// Adds to the OpenAPI document what its generator cannot know: which fields a request must have, the bounds that
/// <see cref="RequestFields"/> checks, headers, and which functions need a session. It works on the document as JSON,
/// since the generator's object model cannot express everything.
/// </summary>
internal static partial class OpenApiRules
{
    private const string ItemIdPattern = "^(0|[1-9][0-9]*)-(0|[1-9][0-9]*)$";

    // All other fields of requests are required.
    private static readonly HashSet<string> s_optional =
    [
        "RegisterItemRequest.keywords",
        "PurchaseRequest.expectedTotal",
    ];

    /// <summary>The rule of a field by its name, or by record and name if it has bounds of its own there.</summary>
    private static readonly Dictionary<string, Func<JsonObject>> s_rules = new()
    {
        ["name"] = () => Text(1, FieldBounds.MaxNameLength),
        ["username"] = () => Text(1, FieldBounds.MaxUsernameLength),
        ["password"] = () => Text(FieldBounds.MinPasswordLength, FieldBounds.MaxPasswordLength, "password"),
        ["LoginRequest.password"] = () => Text(1, FieldBounds.MaxPasswordLength, "password"),
        ["category"] = () => Integer(0, FieldBounds.MaxCategory),
        ["keywords"] = () => Keywords("array"),
        ["RegisterItemRequest.keywords"] = () => Keywords("null", "array"),
        ["condition"] = () => Reference(nameof(ItemCondition)),
        ["thumb"] = () => Reference(nameof(Thumb)),
        ["price"] = () => new() { ["type"] = "number", ["minimum"] = 0.01 },
        ["RegisterItemRequest.price"] = () => Money("number"),
        ["ChangePriceRequest.price"] = () => Money("number"),
        ["unitPrice"] = () => new() { ["type"] = "number", ["minimum"] = 0 },
        ["total"] = () => new() { ["type"] = "number", ["minimum"] = 0 },
        ["PurchaseRequest.expectedTotal"] = () =>
            new()
            {
                ["type"] = new JsonArray("null", "number"),
                ["minimum"] = 0,
                ["maximum"] = FieldBounds.MaxTotalCents / 100,
                ["multipleOf"] = 0.01,
            },
        ["quantity"] = () => Integer(0, long.MaxValue),
        ["RegisterItemRequest.quantity"] = () => Integer(0, FieldBounds.MaxUnits),
        ["UnitsRequest.quantity"] = () => Integer(1, FieldBounds.MaxUnits),
        ["AddToCartRequest.quantity"] = () => Integer(1, FieldBounds.MaxUnits),
        ["available"] = () => Integer(0, long.MaxValue),
        ["thumbsUp"] = () => Integer(0, long.MaxValue),
        ["thumbsDown"] = () => Integer(0, long.MaxValue),
        ["itemsSold"] = () => Integer(0, long.MaxValue),
        ["itemsPurchased"] = () => Integer(0, long.MaxValue),
        ["sellerId"] = () => Integer(1, long.MaxValue),
        ["buyerId"] = () => Integer(1, long.MaxValue),
        ["expiresInSeconds"] = () => Integer(1, int.MaxValue),
        ["id"] = () => Pattern(ItemIdPattern),
        ["itemId"] = () => Pattern(ItemIdPattern),
        ["purchaseId"] = () => Pattern("^[0-9a-f]{32}$"),
        ["token"] = () => Pattern("^[A-Za-z0-9_-]{54}$"),
        ["cardholderName"] = () => Text(1, FieldBounds.MaxCardholderNameLength),
        ["cardNumber"] = () => Pattern("^[0-9]{12,19}$"),
        ["expirationDate"] = () => Pattern("^(0[1-9]|1[0-2])/[0-9]{2}$"),
        ["securityCode"] = () => Pattern("^[0-9]{3,4}$"),
        ["nextCursor"] = () =>
            new() { ["type"] = new JsonArray("null", "string"), ["maxLength"] = FieldBounds.MaxCursorLength },
        ["Problem.status"] = () => Integer(400, 599),
        ["Problem.code"] = () => Pattern("^[a-z]+(-[a-z]+)*$"),
        ["Problem.requestId"] = () => Pattern("^[A-Za-z0-9_-]{16,32}$"),
    };

    private static readonly string[] s_problemAlways = ["code", "detail", "requestId", "status", "title", "type"];

    /// <summary>Completes the document.</summary>
    /// <param name="document">The document that the generator made.</param>
    /// <param name="functions">The functions by their name.</param>
    /// <param name="keyMinutes">How long answers to calls with an Idempotency-Key are kept.</param>
    public static void Complete(JsonObject document, IReadOnlyDictionary<string, Function> functions, int keyMinutes)
    {
        document["servers"] = new JsonArray(
            new JsonObject { ["url"] = "/", ["description"] = "Any replica of this server." }
        );
        var components = document["components"]!.AsObject();
        components["headers"] = Headers();
        var schemas = components["schemas"]!.AsObject();
        foreach (
            var name in schemas
                .Select(schema => schema.Key)
                .Where(name => name.StartsWith("NullableOf", StringComparison.Ordinal))
                .ToArray()
        )
        {
            var schema = schemas[name]!.DeepClone();
            schemas.Remove(name);
            schemas.TryAdd(name["NullableOf".Length..], schema);
        }

        foreach (var (name, schema) in schemas)
        {
            CompleteSchema(name, schema!.AsObject());
        }

        foreach (var operation in document["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject()))
        {
            var described = operation.Value!.AsObject();
            CompleteOperation(
                described,
                functions[(string)described["operationId"]!],
                operation.Key == "get",
                keyMinutes
            );
        }

        CompleteTexts(document);
    }

    private static void CompleteSchema(string name, JsonObject schema)
    {
        if (schema["enum"] is JsonArray words)
        {
            schema["type"] = "string";
            schema["enum"] = new JsonArray([
                .. words.Where(word => word is not null).Select(word => word!.DeepClone()),
            ]);
        }

        if (schema["properties"] is not JsonObject properties)
        {
            return;
        }

        foreach (var (field, property) in properties.ToArray())
        {
            var description = property!["description"]?.DeepClone();
            var items = property["items"]?.DeepClone();
            var rule = (s_rules.GetValueOrDefault($"{name}.{field}") ?? s_rules.GetValueOrDefault(field))?.Invoke();
            var completed = rule ?? property.DeepClone().AsObject();
            if (rule is null && completed["type"] is JsonArray types)
            {
                // Answers omit a field without a value; they never hold null.
                completed["type"] = types.Select(type => (string)type!).Single(type => type != "null");
            }

            if (rule is null && items is not null && name.EndsWith("Page", StringComparison.Ordinal))
            {
                completed["maxItems"] = FieldBounds.MaxPageSize;
            }

            if (description is not null)
            {
                completed["description"] = description;
            }

            properties[field] = completed;
        }

        var required = properties
            .Select(property => property.Key)
            .Where(field =>
                name.EndsWith("Request", StringComparison.Ordinal)
                    ? !s_optional.Contains($"{name}.{field}")
                    : name != nameof(Problem) || s_problemAlways.Contains(field)
            );
        schema["required"] = new JsonArray([.. required.Select(field => (JsonNode)field)]);
    }

    private static void CompleteOperation(JsonObject operation, Function function, bool isRead, int keyMinutes)
    {
        var bearer = new JsonObject { [OpenApiDescription.BearerScheme] = new JsonArray() };
        operation["security"] = function.Session switch
        {
            SessionNeed.None => new JsonArray(),
            SessionNeed.Optional => new JsonArray(bearer, new JsonObject()),
            _ => new JsonArray(bearer),
        };
        var parameters = operation["parameters"] as JsonArray ?? [];
        foreach (var parameter in parameters.Where(parameter => (string)parameter!["in"]! == "path"))
        {
            (parameter!["description"], parameter["schema"]) = (string)parameter["name"]! switch
            {
                "itemId" => ("An item's id.", Pattern(ItemIdPattern)),
                "sellerId" => ("A seller's id.", Integer(1, long.MaxValue)),
                "purchaseId" => ("A purchase's id.", s_rules["purchaseId"]()),
                var name => throw new InvalidOperationException($"No rule says what {name} is."),
            };
        }

        if (!isRead && !function.AnswersToken)
        {
            parameters.Add(
                HeaderParameter(
                    "Idempotency-Key",
                    "Choose a new key for each call that shall take effect once. A repeat of the same request with "
                        + "the same key gets the first answer, with the header Idempotency-Replayed, and has no "
                        + "further effect; another request with the key is refused. "
                        + (
                            function.KeepsKeys
                                ? "The answer is kept for ever."
                                : $"The answer is kept for {keyMinutes} {(keyMinutes == 1 ? "minute" : "minutes")}; "
                                    + "a later repeat is refused."
                        ),
                    new()
                    {
                        ["type"] = "string",
                        ["minLength"] = 1,
                        ["maxLength"] = FieldBounds.MaxKeyLength,
                        ["pattern"] = "^[!-~]+$",
                    }
                )
            );
        }

        if (function.HonoursIfMatch)
        {
            parameters.Add(
                HeaderParameter(
                    "If-Match",
                    "The item is changed only if it has one of these ETags.",
                    new() { ["type"] = "string" }
                )
            );
        }

        if (function.AnswersETag && isRead)
        {
            parameters.Add(
                HeaderParameter(
                    "If-None-Match",
                    "The answer is 304, without the item, if the item has one of these ETags.",
                    new() { ["type"] = "string" }
                )
            );
        }

        if (parameters.Count > 0)
        {
            operation["parameters"] = parameters.DeepClone();
        }

        if (function.AnswersETag && isRead)
        {
            operation["responses"]!["304"] = new JsonObject
            {
                ["description"] = "The item has an ETag that If-None-Match names.",
            };
        }

        foreach (var (status, response) in operation["responses"]!.AsObject())
        {
            List<string> headers = [RequestScope.Header, "RateLimit-Policy", "RateLimit"];
            var isSuccess = status[0] is '2' or '3';
            headers.AddRange(status == "201" && !function.AnswersToken ? ["Location"] : []);
            headers.AddRange(isSuccess && function.AnswersETag ? ["ETag"] : []);
            headers.AddRange(isSuccess && !isRead && !function.AnswersToken ? ["Idempotency-Replayed"] : []);
            headers.AddRange(
                status is "429" or "503" || (status == "409" && function.Refusals.Contains(ErrorCodes.PurchasePending))
                    ? ["Retry-After"]
                    : []
            );
            response!["headers"] = new JsonObject(
                headers.Select(header =>
                    KeyValuePair.Create(
                        header,
                        (JsonNode?)new JsonObject { ["$ref"] = $"#/components/headers/{header}" }
                    )
                )
            );
        }
    }

    private static JsonObject Headers() =>
        new()
        {
            [RequestScope.Header] = Header(
                "Names this call; the server's log lines about the call carry it too.",
                Pattern("^[A-Za-z0-9_-]{16,32}$"),
                isAlways: true
            ),
            ["Location"] = Header(
                "Where the new resource can be read.",
                new() { ["type"] = "string", ["format"] = "uri-reference" }
            ),
            ["ETag"] = Header("The item's version, for If-Match and If-None-Match.", Pattern("^\"[0-9]+\"$")),
            ["Idempotency-Replayed"] = Header(
                "The call was made before with this Idempotency-Key; this is the first answer.",
                new() { ["type"] = "string", ["enum"] = new JsonArray("true") }
            ),
            ["Retry-After"] = Header("Seconds after which the call may be made again.", Integer(1, int.MaxValue)),
            ["RateLimit-Policy"] = Header(
                "If calls are limited: how many a client may make at once (q), "
                    + "and after how many seconds it may make them all again (w).",
                new() { ["type"] = "string" }
            ),
            ["RateLimit"] = Header(
                "If calls are limited: how many are left (r), and after how many seconds all are available again (t).",
                new() { ["type"] = "string" }
            ),
        };

    /// <summary>Descriptions come from the comments of the records, which refer to members of C#.</summary>
    private static void CompleteTexts(JsonNode? node)
    {
        switch (node)
        {
            case JsonObject fields:
                foreach (var (name, value) in fields.ToArray())
                {
                    if (name is "description" or "summary" && value is JsonValue text)
                    {
                        fields[name] = Plain((string)text!);
                    }
                    else
                    {
                        CompleteTexts(value);
                    }
                }

                break;
            case JsonArray list:
                foreach (var value in list)
                {
                    CompleteTexts(value);
                }

                break;
        }
    }

    private static string Plain(string text)
    {
        text = WebUtility.HtmlDecode(text);
        text = Code()
            .Replace(
                text,
                code => typeof(ErrorCodes).GetField(code.Groups[1].Value)?.GetRawConstantValue() as string ?? code.Value
            );
        text = Member()
            .Replace(text, member => char.ToLowerInvariant(member.Groups[1].Value[0]) + member.Groups[1].Value[1..]);
        return text.Replace("One of ErrorCodes", "A stable code", StringComparison.Ordinal)
            .Replace("fewer than Quantity", "fewer than quantity", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\bErrorCodes\.(\w+)")]
    private static partial Regex Code();

    [GeneratedRegex(@"\b[A-Z]\w+\.([A-Z]\w+)")]
    private static partial Regex Member();

    private static JsonObject Text(int minLength, int maxLength, string? format = null)
    {
        var text = new JsonObject
        {
            ["type"] = "string",
            ["minLength"] = minLength,
            ["maxLength"] = maxLength,
        };
        if (format is not null)
        {
            text["format"] = format;
        }

        return text;
    }

    private static JsonObject Pattern(string pattern) => new() { ["type"] = "string", ["pattern"] = pattern };

    private static JsonObject Integer(long min, long max)
    {
        var integer = new JsonObject
        {
            ["type"] = "integer",
            ["format"] = max > int.MaxValue ? "int64" : "int32",
            ["minimum"] = min,
        };
        // An Int64's largest value is no bound, and JavaScript cannot represent it.
        if (max < long.MaxValue)
        {
            integer["maximum"] = max;
        }

        return integer;
    }

    private static JsonObject Money(string type) =>
        new()
        {
            ["type"] = type,
            ["exclusiveMinimum"] = 0,
            ["maximum"] = FieldBounds.MaxPriceCents / 100m,
            ["multipleOf"] = 0.01,
        };

    private static JsonObject Keywords(params string[] types) =>
        new()
        {
            ["type"] = types is [var one] ? one : new JsonArray([.. types.Select(type => (JsonNode)type)]),
            ["maxItems"] = FieldBounds.MaxKeywords,
            ["items"] = Text(1, FieldBounds.MaxKeywordLength),
        };

    private static JsonObject Reference(string schema) => new() { ["$ref"] = $"#/components/schemas/{schema}" };

    private static JsonObject HeaderParameter(string name, string description, JsonObject schema) =>
        new()
        {
            ["name"] = name,
            ["in"] = "header",
            ["description"] = description,
            ["schema"] = schema,
        };

    private static JsonObject Header(string description, JsonObject schema, bool isAlways = false) =>
        new()
        {
            ["description"] = description,
            ["required"] = isAlways,
            ["schema"] = schema,
        };
}
