using System.Runtime.Serialization;
using System.ServiceModel;

namespace Agora.Contracts.Payments;

/// <summary>
/// The third-party payment service, SOAP 1.1 at <c>/FinancialTransactions</c>, WSDL at <c>?wsdl</c>. What is malformed
/// in a request is a <see cref="CardFault"/>.
/// </summary>
[ServiceContract(Namespace = Namespaces.FinancialTransactions, Name = "FinancialTransactions")]
public interface IFinancialTransactions
{
    /// <summary>
    /// Charges a card once: the same <paramref name="transactionId"/> always gets the same answer, after <see
    /// cref="CancelAsync"/> a decline.
    /// </summary>
    [OperationContract(Name = "Charge")]
    [FaultContract(typeof(CardFault))]
    Task<TransactionState> ChargeAsync(
        string transactionId, string cardholderName, string cardNumber, string expirationDate, string securityCode,
        long amountInCents);

    /// <summary>What became of a transaction.</summary>
    [OperationContract(Name = "Find")]
    [FaultContract(typeof(CardFault))]
    Task<TransactionState> FindAsync(string transactionId);

    /// <summary>
    /// Undoes an approval, and refuses any later charge under this id. Repeating it changes nothing. For the merchant
    /// only, who shows its <see cref="MerchantSecret"/> or, over HTTPS, its certificate.
    /// </summary>
    [OperationContract(Name = "Cancel")]
    [FaultContract(typeof(CardFault))]
    Task<TransactionState> CancelAsync(string transactionId);
}

/// <summary>What became of a transaction.</summary>
[DataContract(Namespace = Namespaces.FinancialTransactions)]
public enum TransactionState
{
    /// <summary>No charge was ever asked for under this id.</summary>
    [EnumMember]
    Unknown,

    /// <summary>Charged.</summary>
    [EnumMember]
    Approved,

    /// <summary>Refused by the card's bank.</summary>
    [EnumMember]
    Declined,

    /// <summary>Undone, or shut before any charge; nothing is charged under this id, now or later.</summary>
    [EnumMember]
    Cancelled,
}

/// <summary>Says which field of a request is malformed, and why.</summary>
[DataContract(Namespace = Namespaces.FinancialTransactions)]
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

/// <summary>XML namespaces of the SOAP contract.</summary>
public static class Namespaces
{
    /// <summary>Of the financial-transactions service and its types.</summary>
    public const string FinancialTransactions = "urn:agora:financial-transactions";
}
