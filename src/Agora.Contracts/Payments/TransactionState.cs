using System.Runtime.Serialization;

namespace Agora.Contracts.Payments;

/// <summary>What became of a transaction.</summary>
[DataContract(Namespace = SoapNamespaces.FinancialTransactions)]
public enum TransactionState
{
    /// <summary>No charge was ever requested under this id.</summary>
    [EnumMember]
    Unknown,

    /// <summary>Charged.</summary>
    [EnumMember]
    Approved,

    /// <summary>The card's bank declined.</summary>
    [EnumMember]
    Declined,

    /// <summary>Undone, or cancelled before any charge; nothing is charged under this id, now or later.</summary>
    [EnumMember]
    Cancelled,
}
