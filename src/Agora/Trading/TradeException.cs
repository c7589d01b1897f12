namespace Agora.Trading;

/// <summary>A command that cannot be carried out as it is; nothing was sent.</summary>
internal sealed class TradeException(string code, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>The code of the failure, for programs.</summary>
    public string Code { get; } = code;
}
