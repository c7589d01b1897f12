namespace Agora.Servers;

/// <summary>A client has too many calls waiting for the same resource.</summary>
internal sealed class TooManyWaitingException : Exception
{
    public TooManyWaitingException()
        : base("This client has too many logins waiting.") { }
}
