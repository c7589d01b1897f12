using System.CommandLine;
using System.Text.Json;
using Agora.Commands;
using Agora.Rest;

namespace Agora.Trading;

/// <summary>The ways to give a card.</summary>
internal sealed class CardOptions
{
    private const string Form =
        "the card: four lines (name, number, MM/YY, security code), or the JSON of MakePurchase,";
    private const int MaxLines = 200;

    private readonly Option<string?> _cardholder = new("--cardholder-name", "--cardholder")
    {
        Description = "As printed on the card; asked for if not given",
        HelpName = "NAME",
    };
    private readonly Option<string?> _number = new("--card-number", "--card")
    {
        Description = "12 to 19 digits; better omit it, because others may see it here: then it is asked for",
        HelpName = "NUMBER",
    };
    private readonly Option<string?> _expiration = new("--expiration-date", "--expires")
    {
        Description = "Asked for if not given",
        HelpName = "MM/YY",
    };
    private readonly Option<string?> _code = new("--security-code", "--code")
    {
        Description = "3 or 4 digits; asked for if not given",
        HelpName = "CODE",
    };
    private readonly Option<bool> _stdin = SecretInput.StandardInput("--card-stdin", Form);
    private readonly Option<string?> _file = SecretInput.File("--card-file", Form);

    public Command AddTo(Command command)
    {
        Option[] parts = [_cardholder, _number, _expiration, _code];
        foreach (var option in (Option[])[.. parts, _stdin, _file])
        {
            command.Add(option);
        }

        SecretInput.OnlyOne(command, _stdin, _file);
        command.Validators.Add(result =>
        {
            bool IsGiven(Option option) => result.GetResult(option) is { Implicit: false };
            if ((IsGiven(_stdin) || IsGiven(_file)) && parts.FirstOrDefault(IsGiven) is { } part)
            {
                result.AddError($"With --card-stdin or --card-file the card comes from there: omit {part.Name}.");
            }
        });
        return command;
    }

    public async Task<PurchaseRequest> ReadAsync(IQuestions call)
    {
        if (call.Get(_file) is { } path)
        {
            var lines = await SecretInput.ReadAsync(path, call.CancellationToken);
            return await ParseAsync(lines.ToAsyncEnumerable(), path);
        }

        if (call.Get(_stdin))
        {
            return await ParseAsync(LinesAsync(call), "Standard input");
        }

        const string Instead = "--card-stdin or --card-file";
        return new()
        {
            CardholderName = await GetAsync(_cardholder, "Name on the card", secret: false),
            CardNumber = Digits(await GetAsync(_number, "Card number", secret: true)),
            ExpirationDate = await GetAsync(_expiration, "Good to (MM/YY)", secret: false),
            SecurityCode = await GetAsync(_code, "Security code", secret: true),
        };

        async Task<string> GetAsync(Option<string?> option, string question, bool secret) =>
            call.Get(option)
            ?? await call.AskAsync(question + ": ", secret)
            ?? throw new TradeException(
                ErrorWriter.InvalidCommand,
                $"{option.Name} is missing, and there is no keyboard to ask for it. Give {Instead}."
            );
    }

    private static async IAsyncEnumerable<string> LinesAsync(IQuestions call)
    {
        for (var i = 0; i < MaxLines && await call.ReadLineAsync() is { } line; i++)
        {
            yield return line;
        }
    }

    /// <summary>Reads no further than the card, because the next line may be the next command.</summary>
    private static async Task<PurchaseRequest> ParseAsync(IAsyncEnumerable<string> lines, string source)
    {
        List<string> read = [];
        await foreach (var line in lines)
        {
            read.Add(line);
            if (read[0].TrimStart().StartsWith('{'))
            {
                if (FromJson(string.Join('\n', read)) is { } card)
                {
                    return card;
                }
            }
            else if (read.Count == 4)
            {
                return new()
                {
                    CardholderName = read[0],
                    CardNumber = Digits(read[1]),
                    ExpirationDate = read[2].Trim(),
                    SecurityCode = read[3].Trim(),
                };
            }
        }
        // The message shows none of the text: it may be half a card.
        throw new TradeException(
            ErrorWriter.InvalidCommand,
            $"{source} does not hold a card: write four lines (name, number, MM/YY, security code) or "
                + """{"cardholderName":"...","cardNumber":"...","expirationDate":"MM/YY","securityCode":"..."}."""
        );
    }

    private static PurchaseRequest? FromJson(string text)
    {
        try
        {
            var card = JsonSerializer.Deserialize(text, AgoraJson.Default.PurchaseRequest);
            return card is { CardNumber: { } number, ExpectedTotal: null }
                ? card with
                {
                    CardNumber = Digits(number),
                }
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    // People copy numbers in groups of four.
    private static string Digits(string number) => number.Replace(" ", "", StringComparison.Ordinal);
}
