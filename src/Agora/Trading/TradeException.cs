namespace Agora.Trading;

/// <summary>A command that cannot be carried out as it was given; nothing was sent.</summary>
internal sealed class TradeException(string code, string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>What a program decides by.</summary>
    public string Code { get; } = code;
}
