namespace Agora.Contracts.Payments;

/// <summary>XML namespaces of the SOAP contract.</summary>
public static class SoapNamespaces
{
    /// <summary>The namespace of the financial-transactions service and its types.</summary>
    public const string FinancialTransactions = "urn:agora:financial-transactions";
}
