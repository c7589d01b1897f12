using System.Runtime.Serialization;

namespace Agora.Contracts.Payments;

/// <summary>Names the field of a request that is malformed, and why.</summary>
[DataContract(Namespace = SoapNamespaces.FinancialTransactions)]
public sealed record CardFault
{
    /// <summary>
    /// The field: <c>cardNumber</c>, <c>expirationDate</c>, <c>securityCode</c>, <c>cardholderName</c>,
    /// <c>amountInCents</c> or <c>transactionId</c>.
    /// </summary>
    [DataMember(Order = 0)]
    public required string Field { get; init; }

    /// <summary>What to change, for a person.</summary>
    [DataMember(Order = 1)]
    public required string Reason { get; init; }
}
