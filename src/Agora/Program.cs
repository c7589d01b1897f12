using System.CommandLine;
using Agora.Commands;

// A process that runs on must not end because the reader of its output is gone.
if (args is not ["run" or "up", ..])
{
    StandardOutput.Install();
}

// Commands that run on stop in order, however long that takes.
InvocationConfiguration console = new() { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null };
return await CommandLine.RunAsync(AgoraCommand.Create(), args, console);
