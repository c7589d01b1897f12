using System.Buffers.Binary;
using CsCheck;
using Xunit;

namespace Agora.Replication.Tests;

public sealed class RequestIndexTests
{
    [Fact]
    public void It_grows_in_pieces_that_are_small_beside_the_whole()
    {
        RequestIndex index = new();
        Span<byte> id = stackalloc byte[16];
        Random random = new(1);
        for (var i = 0; i < 300_000; i++)
        {
            random.NextBytes(id);
            index.Add(new Guid(id), i);
        }

        Assert.Equal(300_000, index.Count);
        Assert.InRange(index.MaxPieceCapacity, 300_000 / 256, 300_000 / 64);
    }

    [Fact]
    public void Pieces_give_room_back()
    {
        RequestIndex index = new();
        Guid[] ids = [.. Enumerable.Range(0, 300_000).Select(_ => Guid.NewGuid())];
        for (var i = 0; i < ids.Length; i++)
        {
            index.Add(ids[i], i);
        }

        var before = index.MaxPieceCapacity;
        for (var i = 1; i < ids.Length; i++)
        {
            index.Remove(ids[i], i);
        }

        Assert.Equal(1, index.Count);
        Assert.True(index.TryGet(ids[0], out var row));
        Assert.Equal(0, row);
        Assert.InRange(index.MaxPieceCapacity, 1, before / 2);
    }

    [Fact]
    public void It_knows_the_row_of_every_id_that_was_added_and_not_removed_however_alike_they_are()
    {
        Gen.Select(Gen.Int[0, 2], Gen.Int[0, 3], Gen.Bool)
            .Array[0, 60]
            .Sample(steps =>
            {
                RequestIndex index = new();
                Dictionary<Guid, long> model = [];
                for (var i = 0; i < steps.Length; i++)
                {
                    (var start, var end, var add) = steps[i];
                    var id = Id(start, end);
                    if (add && model.TryAdd(id, i))
                    {
                        index.Add(id, i);
                    }
                    else if (!add && model.Remove(id, out var row))
                    {
                        index.Remove(id, row);
                    }

                    Assert.Equal(model.Count, index.Count);
                    foreach (var each in Ids())
                    {
                        var found = index.TryGet(each, out var row);
                        if (model.TryGetValue(each, out var expected))
                        {
                            Assert.True(found);
                            Assert.Equal(expected, row);
                        }
                    }
                }
            });

        static Guid Id(int start, int end)
        {
            Span<byte> bytes = stackalloc byte[16];
            BinaryPrimitives.WriteInt32BigEndian(bytes[4..], start);
            BinaryPrimitives.WriteInt32BigEndian(bytes[12..], end);
            return new Guid(bytes, bigEndian: true);
        }

        static IEnumerable<Guid> Ids() =>
            from start in Enumerable.Range(0, 3)
            from end in Enumerable.Range(0, 4)
            select Id(start, end);
    }
}
