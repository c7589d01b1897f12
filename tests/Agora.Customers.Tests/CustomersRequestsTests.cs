using Agora.Contracts.Customers;
using Agora.Testing;
using Google.Protobuf;
using Grpc.Core;
using Xunit;

namespace Agora.Customers.Tests;

/// <summary>
/// The service refuses what the state machine takes for granted before it is ordered: an exception in the state machine
/// would stop every replica.
/// </summary>
public sealed class CustomersRequestsTests
{
    public static IEnumerable<TheoryDataRow<int>> EachWrong() =>
        Enumerable.Range(0, CustomersCommandExamples.Wrong.Length).Select(i => new TheoryDataRow<int>(i));

    [Fact]
    public void Every_kind_of_command_is_let_through_and_applied_where_its_shape_is_right()
    {
        using var db = new CustomersUnderTest();
        Assert.All(
            CustomersCommandExamples.Right,
            command =>
            {
                Check(command);
                db.Do(command);
            }
        );
        Assert.Equal(
            CustomersCommand.Descriptor.Oneofs[0].Fields.Count,
            CustomersCommandExamples.Right.Select(command => command.KindCase).Distinct().Count()
        );
    }

    [Theory]
    [MemberData(nameof(EachWrong))]
    public void A_wrong_command_is_refused(int index) => Refused(() => Check(CustomersCommandExamples.Wrong[index]));

    [Theory]
    [InlineData(0)]
    [InlineData(15)]
    [InlineData(17)]
    public void A_request_id_has_sixteen_bytes(int length)
    {
        var id = ByteString.CopyFrom(new byte[length]);
        Refused(() =>
            CustomersRequests.Check(
                new CustomersRequest { RequestId = id, Command = CustomersCommandExamples.Right[0] }
            )
        );
    }

    [Fact]
    public void A_command_too_large_to_order_is_refused()
    {
        var session = CustomersUnderTest.Token("t");

        // An unknown field of 256 KiB.
        session.MergeFrom(
            new byte[] { 0x82, 0x7d, 0x80, 0x80, 0x10 }
                .Concat(new byte[262_144])
                .ToArray()
        );
        Refused(() => Check(new CustomersCommand { TouchSession = new() { Session = session } }));
    }

    [Theory]
    [InlineData(0, 50)]
    [InlineData(1, 1)]
    [InlineData(200, 200)]
    [InlineData(201, null)]
    [InlineData(-1, null)]
    public void A_page_has_1_to_200_rows_and_50_by_default(int limit, int? rows)
    {
        if (rows is null)
        {
            Refused(() => CustomersRequests.Limit(limit));
            return;
        }

        Assert.Equal(rows, CustomersRequests.Limit(limit));
    }

    [Fact]
    public void Wrong_queries_are_refused()
    {
        Refused(() => CustomersRequests.Check((Session?)null));
        Refused(() => CustomersRequests.Check(new CredentialsQuery { UsernameKey = "u" }));
    }

    private static void Check(CustomersCommand? command) =>
        CustomersRequests.Check(new CustomersRequest { RequestId = DatabaseUnderTest.Id("x"), Command = command });

    private static void Refused(Action check)
    {
        var status = Assert.Throws<RpcException>(check).Status;
        Assert.Equal(StatusCode.InvalidArgument, status.StatusCode);
        Assert.StartsWith("Required: ", status.Detail, StringComparison.Ordinal);
    }
}
