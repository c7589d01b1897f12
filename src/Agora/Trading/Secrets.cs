using System.CommandLine;
using System.Text;
using System.Text.Json;
using Agora.Client;
using Agora.Commands;

namespace Agora.Trading;

/// <summary>The command being run, as far as it is needed to come by what it was not given.</summary>
internal interface IQuestions
{
    bool HasKeyboard { get; }

    T? Get<T>(Option<T> option);

    Task<string?> AskAsync(string question, bool secret);

    /// <summary>The next line of standard input; null at its end.</summary>
    string? ReadLine();
}

/// <summary>
/// Where secrets come from: the keyboard, unseen; for scripts standard input or a file. Options that hold one are for
/// trying things out: other users of the machine can see them.
/// </summary>
internal static class Secrets
{
    private const int MaxBytes = 65536;

    public static Option<string?> File(string name, string what) =>
        new(name) { Description = $"Reads {what} from this file", HelpName = "FILE" };

    public static Option<bool> StandardInput(string name, string what) =>
        new(name) { Description = $"Reads {what} from standard input" };

    /// <summary>Of these options only one may be given.</summary>
    public static void OnlyOne(Command command, params Option[] options) => command.Validators.Add(result =>
    {
        string[] given = [.. options.Where(o => result.GetResult(o) is { Implicit: false }).Select(o => o.Name)];
        if (given.Length > 1)
        {
            result.AddError($"Give only one of {string.Join(", ", given)}.");
        }
    });

    public static string[] Read(string path)
    {
        try
        {
            using FileStream file = new(path, FileMode.Open, FileAccess.Read);
            var bytes = new byte[MaxBytes + 1];
            var length = file.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
            if (length > MaxBytes)
            {
                throw new IOException($"{path} is too long to hold a secret.");
            }
            var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes, 0, length);
            return text.TrimStart('\ufeff').ReplaceLineEndings("\n").Split('\n');
        }
        catch (UnauthorizedAccessException e)
        {
            var why = Directory.Exists(path) ? "it is a directory" : "you have no right to";
            throw new IOException($"{path} cannot be read: {why}.", e);
        }
        catch (ArgumentException e)
        {
            throw new IOException($"{path} does not hold text in UTF-8.", e);
        }
    }
}

/// <summary>The ways to give a password.</summary>
internal sealed class PasswordOptions
{
    private readonly Option<string?> _password = new("--password", "-p")
    {
        Description = "The password; better not given here, where others may see it: it is asked for",
        HelpName = "PASSWORD",
    };
    private readonly Option<bool> _stdin = Secrets.StandardInput("--password-stdin", "the password, one line,");
    private readonly Option<string?> _file = Secrets.File("--password-file", "the password, one line,");

    public Command AddTo(Command command)
    {
        command.Add(_password);
        command.Add(_stdin);
        command.Add(_file);
        Secrets.OnlyOne(command, _password, _stdin, _file);
        return command;
    }

    /// <summary>The password. A new one that is typed, unseen and not to be had back, is typed twice.</summary>
    public async Task<string> ReadAsync(IQuestions call, bool isNew)
    {
        if (call.Get(_password) is { } given)
        {
            return given;
        }
        if (call.Get(_file) is { } path)
        {
            return Secrets.Read(path)[0];
        }
        if (call.Get(_stdin) && !call.HasKeyboard)
        {
            return call.ReadLine()
                ?? throw new TradeException(Complaint.InvalidCommand, "Standard input holds no password.");
        }
        var typed = await call.AskAsync("Password: ", secret: true)
            ?? throw new TradeException(
                Complaint.InvalidCommand,
                "--password is missing, and there is no keyboard to ask for it. "
                + "Give --password-stdin or --password-file.");
        if (isNew && await call.AskAsync("Password again: ", secret: true) != typed)
        {
            throw new TradeException(Complaint.InvalidCommand, "The two passwords differ; no account was made.");
        }
        return typed;
    }
}

/// <summary>The ways to give a card.</summary>
internal sealed class CardOptions
{
    private const string Form =
        "the card: four lines (name, number, MM/YY, security code), or the JSON of MakePurchase,";
    private const int MaxLines = 200;

    private readonly Option<string?> _cardholder = new("--cardholder-name", "--cardholder")
    {
        Description = "As printed on the card; asked for when not given",
        HelpName = "NAME",
    };
    private readonly Option<string?> _number = new("--card-number", "--card")
    {
        Description = "12 to 19 digits; better not given here, where others may see it: it is asked for",
        HelpName = "NUMBER",
    };
    private readonly Option<string?> _expiration = new("--expiration-date", "--expires")
    {
        Description = "Asked for when not given",
        HelpName = "MM/YY",
    };
    private readonly Option<string?> _code = new("--security-code", "--code")
    {
        Description = "3 or 4 digits; asked for when not given",
        HelpName = "CODE",
    };
    private readonly Option<bool> _stdin = Secrets.StandardInput("--card-stdin", Form);
    private readonly Option<string?> _file = Secrets.File("--card-file", Form);

    public Command AddTo(Command command)
    {
        Option[] parts = [_cardholder, _number, _expiration, _code];
        foreach (var option in (Option[])[.. parts, _stdin, _file])
        {
            command.Add(option);
        }
        Secrets.OnlyOne(command, _stdin, _file);
        command.Validators.Add(result =>
        {
            bool IsGiven(Option option) => result.GetResult(option) is { Implicit: false };
            if ((IsGiven(_stdin) || IsGiven(_file)) && parts.FirstOrDefault(IsGiven) is { } part)
            {
                result.AddError($"With --card-stdin or --card-file the card comes from there: leave out {part.Name}.");
            }
        });
        return command;
    }

    public async Task<PurchaseRequest> ReadAsync(IQuestions call)
    {
        if (call.Get(_file) is { } path)
        {
            return Parse(new Queue<string>(Secrets.Read(path)), path);
        }
        if (call.Get(_stdin))
        {
            return Parse(Lines(call), "Standard input");
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
                Complaint.InvalidCommand,
                $"{option.Name} is missing, and there is no keyboard to ask for it. Give {Instead}.");
    }

    private static IEnumerable<string> Lines(IQuestions call)
    {
        for (var i = 0; i < MaxLines && call.ReadLine() is { } line; i++)
        {
            yield return line;
        }
    }

    /// <summary>Reads no further than the card, since what follows may be the next command.</summary>
    private static PurchaseRequest Parse(IEnumerable<string> lines, string source)
    {
        List<string> read = [];
        foreach (var line in lines)
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
        // Nothing of it is shown: it may be half a card.
        throw new TradeException(
            Complaint.InvalidCommand,
            $"{source} does not hold a card: write four lines (name, number, MM/YY, security code) or "
            + """{"cardholderName":"...","cardNumber":"...","expirationDate":"MM/YY","securityCode":"..."}.""");
    }

    private static PurchaseRequest? FromJson(string text)
    {
        try
        {
            var card = JsonSerializer.Deserialize(text, AgoraJson.Default.PurchaseRequest);
            return card is { CardNumber: { } number, ExpectedTotal: null }
                ? card with { CardNumber = Digits(number) }
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
