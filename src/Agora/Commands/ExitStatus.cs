namespace Agora.Commands;

/// <summary>The exit statuses of commands, as <c>--help</c> lists them.</summary>
internal static class ExitStatus
{
    public const int Done = 0;
    public const int Refused = 1;
    public const int NotServed = 2;
    public const int Fault = 70;
    public const int Stopped = 130;

    public static readonly string[] Explained =
    [
        "0    done",
        "1    refused, or a wrong command: a repeat will be refused again",
        "2    not served: no server answered in time, or a limit was reached; try again later",
        "70   a bug in this program",
        "130  stopped with Ctrl-C",
    ];
}
