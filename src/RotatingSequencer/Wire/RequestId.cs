namespace RotatingSequencer.Wire;

/// <summary>The unique id of a Request.</summary>
/// <param name="Sender">Member that sent it.</param>
/// <param name="Local">Its number among that member's Requests, from 0.</param>
internal readonly record struct RequestId(int Sender, long Local)
{
    public override string ToString() => $"⟨{Sender},{Local}⟩";
}
