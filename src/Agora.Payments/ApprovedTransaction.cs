namespace Agora.Payments;

/// <summary>One line of the books: a transaction that was charged and not undone.</summary>
internal sealed record ApprovedTransaction(string Id, long AmountInCents);
