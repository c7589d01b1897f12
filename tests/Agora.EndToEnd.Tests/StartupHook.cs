using Agora.Cluster;
using Agora.EndToEnd.Tests;

#pragma warning disable CA1050 // The runtime looks for this name, in no namespace.

/// <summary>
/// .NET calls it before a program's own <c>Main</c> if <c>DOTNET_STARTUP_HOOKS</c> names this assembly, as in the
/// processes of a <see cref="RunningMarketplace"/>: the program that is tested is the one that users run, and knows
/// nothing of the tests.
/// </summary>
internal static class StartupHook
{
    public static void Initialize()
    {
        if (Environment.GetCommandLineArgs() is [_, "run", Components.BuyerServer, ..])
        {
            PurchaseStops.Install();
        }
    }
}
