using System.Net;

namespace Agora.Cluster;

/// <summary>
/// Finds the address of a host now; <see cref="HostNames.Resolve"/> does, and tests have names of their own. It may
/// block for as long as the system's resolver does.
/// </summary>
/// <param name="host">A name or an address.</param>
/// <exception cref="FixableException">The name does not resolve here.</exception>
public delegate IPAddress HostLookup(string host);
