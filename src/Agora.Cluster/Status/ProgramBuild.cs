using System.Reflection;

namespace Agora.Cluster;

/// <summary>The build of the program that runs: its version and the commit that it was built from.</summary>
public static class ProgramBuild
{
    /// <summary>The header with which a process tells its build at its port for operators.</summary>
    public const string Header = "Agora-Build";

    /// <summary>A longer text is no build.</summary>
    public const int MaxLength = 100;

    /// <summary>Such as <c>0.1.0+2aa022e</c>.</summary>
    public static string Current { get; } =
        typeof(ProgramBuild).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
}
