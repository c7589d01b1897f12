using System.CommandLine;
using Agora.Commands;

// What runs on must not end because nobody reads what it says any more.
if (args is not ["run" or "up", ..])
{
    StandardOutput.Install();
}

// Commands that run on stop by themselves, in order, however long that takes.
InvocationConfiguration console = new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
return await CommandLine.RunAsync(AgoraCommand.Create(), args, console);
