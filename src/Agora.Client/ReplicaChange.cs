namespace Agora.Client;

/// <summary>A call goes on with another server.</summary>
/// <param name="From">The server that did not serve the call.</param>
/// <param name="To">The next server; the same one if there is no other.</param>
/// <param name="Reason">Why, in a few words.</param>
/// <param name="Pause">How long the call waits before it asks the next server.</param>
public readonly record struct ReplicaChange(Uri From, Uri To, string Reason, TimeSpan Pause);
