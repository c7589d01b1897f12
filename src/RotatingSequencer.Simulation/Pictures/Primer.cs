namespace RotatingSequencer.Simulation.Pictures;

/// <summary>The words that come with the pictures, on the page and in the documents.</summary>
public static class Primer
{
    /// <summary>What the protocol is for.</summary>
    public static string Purpose { get; } =
        "Five processes keep the same data. They stay equal if each of them applies the same requests in the same "
        + "order. This protocol gives them that order. They have nothing but datagrams, which may be lost, "
        + "doubled or late, and disks, which keep what was written when a process is killed.";

    /// <summary>How it works, in four steps.</summary>
    public static IReadOnlyList<(string Title, string Text)> Rules { get; } =
    [
        (
            "A Request goes to all.",
            "A member that gets a request from a client sends it to all others. Request (3,2) is the third of "
                + "member 3, since counting begins at 0."
        ),
        (
            "A Sequence gives it a number.",
            "The order is a row of numbers: 0, 1, 2, … Number k belongs to member k mod n, and that member has the "
                + "turn. It assigns k to one Request, in a Sequence to all, as soon as it holds everything below k. "
                + "So Sequence k is also the permission to assign k + 1. No other message moves the turn."
        ),
        (
            "What a majority holds is delivered.",
            "Every datagram says how far its sender holds everything, on disk: its claims. A number that a majority "
                + "holds cannot be lost any more. Members deliver it, in order. What all hold is dropped from memory."
        ),
        (
            "What is missing is asked for.",
            "Claims and Sequences show a member what it misses. It asks the sender of the missing message, with a "
                + "Retransmit request. What nobody can know of, its sender repeats."
        ),
    ];

    /// <summary>What the rows at the foot of the members say.</summary>
    public static IReadOnlyList<(string Row, string Text)> Rows { get; } =
    [
        (
            "numbers",
            "The last numbers. Dashed: not held. Amber: its Sequence is held. Blue: its Request is held. Blue and "
                + "filled: both. Green and filled: delivered. Green: delivered and dropped."
        ),
        ("no number", "Requests that are held and still wait for a number."),
        ("holds to", "Everything up to this number is held, on disk. This is what the member claims."),
        ("majority to", "A majority is known to hold everything up to here."),
        ("delivered to", "Handed to the application, in order."),
        ("dropped to", "All are known to hold everything up to here. It is forgotten."),
    ];

    /// <summary>What the parts of a picture mean: a small picture of each, and its meaning.</summary>
    public static IReadOnlyList<(string Picture, string Text)> Legend { get; } =
    [
        (Sample("<path class=\"line request\" d=\"M3 7H34\"/>", "request"), "Request"),
        (Sample("<path class=\"line sequence\" d=\"M3 7H34\"/>", "sequence"), "Sequence"),
        (
            Sample("<path class=\"line retransmit\" d=\"M3 7H34\"/>", "retransmit"),
            "Retransmit request: asks for what is missing, or how far others hold everything"
        ),
        (
            Sample("<path class=\"line claims\" d=\"M3 7H34\"/>", "claims"),
            "Claims alone: how far the sender holds everything"
        ),
        (
            Picture("<path class=\"line request\" d=\"M3 8H22\"/><path class=\"cross\" d=\"M18 4l8 8m0 -8l-8 8\"/>"),
            "A message that is lost"
        ),
        (
            Picture(
                "<rect class=\"assigned\" x=\"10\" y=\"-1\" width=\"20\" height=\"18\" rx=\"3\"/>" + Number("assigned")
            ),
            "The member assigns this number"
        ),
        (
            Picture(
                "<rect class=\"delivered\" x=\"10\" y=\"-1\" width=\"20\" height=\"18\" rx=\"9\"/>"
                    + Number("delivered")
            ),
            "The member delivers this number"
        ),
        (
            Picture(
                "<path class=\"flag\" d=\"M6 0v17M6 1h26l-4.5 7.5l4.5 7.5h-26z\"/>"
                    + "<text class=\"flag-text\" x=\"10\" y=\"12.5\">11</text>"
            ),
            "This member has the turn: it assigns this number next. The broad band shows who had it"
        ),
    ];

    private static string Sample(string line, string kind) =>
        Picture($"<g class=\"message {kind}\">{line}<path class=\"arrow\" d=\"M38 7L30 3.4V10.6Z\"/></g>");

    private static string Number(string kind) => $"<text class=\"{kind}-text\" x=\"20\" y=\"12\">10</text>";

    private static string Picture(string content) =>
        "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"diagram sample\" viewBox=\"0 -2 40 20\" width=\"40\" "
        + "height=\"20\" "
        + $"aria-hidden=\"true\">{content}</svg>";
}
