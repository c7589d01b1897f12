using Google.Protobuf;

namespace Agora.Servers;

/// <summary>The last step of one purchase or vote. Nobody waits for it.</summary>
internal readonly record struct Settlement(SettlementKind Kind, ByteString Id);

internal enum SettlementKind
{
    /// <summary>Confirms that the units of a completed purchase are sold.</summary>
    ConfirmPurchase,

    /// <summary>Marks a vote as counted by its item.</summary>
    MarkVote,
}
