using System.ServiceModel;

namespace Agora.Contracts.Payments;

/// <summary>
/// The third-party payment service: SOAP 1.1 at <c>/FinancialTransactions</c>, WSDL at <c>?wsdl</c>. A malformed field
/// of a request is a <see cref="CardFault"/>.
/// </summary>
[ServiceContract(Namespace = SoapNamespaces.FinancialTransactions, Name = "FinancialTransactions")]
public interface IFinancialTransactions
{
    /// <summary>
    /// Charges a card once: the same <paramref name="transactionId"/> always gets the same answer; after
    /// <see cref="CancelAsync"/>, a decline.
    /// </summary>
    [OperationContract(Name = "Charge")]
    [FaultContract(typeof(CardFault))]
    Task<TransactionState> ChargeAsync(
        string transactionId,
        string cardholderName,
        string cardNumber,
        string expirationDate,
        string securityCode,
        long amountInCents
    );

    /// <summary>What became of a transaction.</summary>
    [OperationContract(Name = "Find")]
    [FaultContract(typeof(CardFault))]
    Task<TransactionState> FindAsync(string transactionId);

    /// <summary>
    /// Undoes an approval and refuses any later charge under this id. A repeat changes nothing. Only the merchant may
    /// call it: it shows its secret, or over HTTPS its certificate.
    /// </summary>
    [OperationContract(Name = "Cancel")]
    [FaultContract(typeof(CardFault))]
    Task<TransactionState> CancelAsync(string transactionId);
}
