using System.Buffers;
using CsCheck;
using Xunit;

namespace Agora.Replication.Tests;

public sealed class CommandTests
{
    private static readonly Gen<Command> s_anyCommand = Gen.Select(Gen.Guid, Gen.Long, Gen.Byte.Array[0, 300], Gen.Int)
        .Select((id, time, payload, keptFor) => new Command(id, time, payload, keptFor));

    [Fact]
    public void Whatever_is_encoded_is_decoded_as_it_was() =>
        s_anyCommand
            .List[0, 20]
            .Sample(commands =>
            {
                ArrayBufferWriter<byte> output = new();
                commands.ForEach(command => command.EncodeWithLength(output));
                List<Command> decoded = [];
                Command.DecodeBatch(output.WrittenMemory, decoded);
                Assert.Equal(commands.Select(Text), decoded.Select(Text));
            });

    [Fact]
    public void A_batch_that_was_cut_off_is_refused() =>
        Gen.Select(s_anyCommand.List[1, 5], Gen.Int[1, 31])
            .Sample(
                (commands, missing) =>
                {
                    ArrayBufferWriter<byte> output = new();
                    commands.ForEach(command => command.EncodeWithLength(output));
                    Assert.Throws<InvalidDataException>(() =>
                        Command.DecodeBatch(output.WrittenMemory[..^missing], [])
                    );
                }
            );

    private static string Text(Command command) =>
        $"{command.RequestId} {command.Time} {command.KeptFor} {Convert.ToHexString(command.Payload.Span)}";
}
