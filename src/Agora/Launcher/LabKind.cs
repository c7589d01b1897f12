namespace Agora.Launcher;

/// <summary>The kinds of network between the processes of a marketplace in the lab.</summary>
internal enum LabKind
{
    /// <summary>Relays on the loopback interface.</summary>
    Relays,

    /// <summary>Relays, and a network namespace for each process.</summary>
    Namespaces,
}
