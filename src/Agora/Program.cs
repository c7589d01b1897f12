using System.CommandLine;
using Agora.Commands;
using Agora.Launcher;
using Agora.Trading;

RootCommand root = new("Agora: an online marketplace whose every part is replicated")
{
    UpCommand.Create(),
    DownCommand.Create(),
    StatusCommand.Create(),
    ProcessCommands.CreateStop(),
    ProcessCommands.CreateKill(),
    ProcessCommands.CreateStart(),
    RunCommand.Create(),
    ClusterCommand.Create(),
    LabCommand.Create(),
    SellerCommand.Create(),
    BuyerCommand.Create(),
    SeedCommand.Create(),
    EvaluateCommand.Create(),
    ChaosCommand.Create(),
};
root.HelpName = "agora";
root.WithExamples(
    "agora up                   the whole marketplace, ready to trade",
    "agora seed                 something to buy",
    "agora status               how every process is",
    "agora COMMAND --help       more about a command, with examples");
Examples.ShowInHelp(root);

try
{
    // Commands that run on stop by themselves, in order, however long that takes.
    return await root.Parse(args).InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
}
catch (OperationCanceledException)
{
    return 130;
}
catch (Exception e) when (Explanation.Of(e) is { } why)
{
    await TellAsync(string.Join(Environment.NewLine, why.Split(Environment.NewLine).Select(line => LogFiles.ComplaintPrefix + line)));
    return 1;
}
catch (Exception e)
{
    // A fault of ours: everything that helps to find it, and last the line that a supervisor repeats.
    await TellAsync($"{e}\n{LogFiles.ComplaintPrefix}{e.GetType().Name}: {e.Message}");
    return 70;
}

// A log on a full disk takes nothing; the exit code still says that it failed.
static async Task TellAsync(string what)
{
    try
    {
        await Console.Error.WriteLineAsync(what);
    }
    catch (IOException)
    {
    }
}
