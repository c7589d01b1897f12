using System.CommandLine;
using Agora.Commands;

namespace Agora.Trading;

/// <summary>The ways to give a password.</summary>
internal sealed class PasswordOptions
{
    private readonly Option<string?> _password = new("--password", "-p")
    {
        Description = "The password; better omit it, because others may see it here: then it is asked for",
        HelpName = "PASSWORD",
    };
    private readonly Option<bool> _stdin = SecretInput.StandardInput("--password-stdin", "the password, one line,");
    private readonly Option<string?> _file = SecretInput.File("--password-file", "the password, one line,");

    public Command AddTo(Command command)
    {
        command.Add(_password);
        command.Add(_stdin);
        command.Add(_file);
        SecretInput.OnlyOne(command, _password, _stdin, _file);
        return command;
    }

    /// <summary>The password. A new one must be typed twice, because it is not shown.</summary>
    public async Task<string> ReadAsync(IQuestions call, bool isNew)
    {
        if (call.Get(_password) is { } given)
        {
            return given;
        }

        if (call.Get(_file) is { } path)
        {
            return (await SecretInput.ReadAsync(path, call.CancellationToken))[0];
        }

        if (call.Get(_stdin) && !call.HasKeyboard)
        {
            return await call.ReadLineAsync()
                ?? throw new TradeException(ErrorWriter.InvalidCommand, "Standard input holds no password.");
        }

        var typed =
            await call.AskAsync("Password: ", secret: true)
            ?? throw new TradeException(
                ErrorWriter.InvalidCommand,
                "--password is missing, and there is no keyboard to ask for it. "
                    + "Give --password-stdin or --password-file."
            );
        if (isNew && await call.AskAsync("Password again: ", secret: true) != typed)
        {
            throw new TradeException(ErrorWriter.InvalidCommand, "The two passwords differ; no account was made.");
        }

        return typed;
    }
}
