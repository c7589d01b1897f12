"""Uses the payment service as any SOAP client does: from its WSDL alone. Prints what it was answered, as JSON."""
import json
import sys

import requests
import zeep
from lxml import etree


def connect(session):
    transport = zeep.Transport(session=session)
    return zeep.Client(sys.argv[1], settings=zeep.Settings(strict=True, xml_huge_tree=False), transport=transport)


client = connect(requests.Session())
service = client.service
merchants_session = requests.Session()
merchants_session.auth = ("merchant", sys.argv[2])
merchant = connect(merchants_session).service
card = {
    "cardholderName": "Ann Ödegård <a&b>",
    "cardNumber": "4111111111111111",
    "expirationDate": "12/30",
    "securityCode": "123",
    "amountInCents": 1250,
}


def refused_cancel():
    try:
        return service.Cancel(transactionId="b")
    except zeep.exceptions.Fault as e:
        return [e.code.split(":")[-1], "secret" in e.message]


def fault(operation="Charge", **changes):
    try:
        arguments = changes if operation != "Charge" else {"transactionId": "refused", **card, **changes}
        return service[operation](**arguments)
    except zeep.exceptions.Fault as e:
        detail = {etree.QName(field).localname: field.text for field in e.detail[0]}
        kind = etree.QName(e.detail[0]).localname
        return [e.code.split(":")[-1], kind, detail["Field"], detail["Reason"] in e.message]


answers = {
    "operations": sorted(client.wsdl.services["FinancialTransactions"].ports.popitem()[1].binding._operations),
    "charge": service.Charge(transactionId="a", **card),
    "again": service.Charge(transactionId="a", **card),
    "find": service.Find(transactionId="a"),
    "unknown": service.Find(transactionId="never"),
    "refusedCancel": refused_cancel(),
    "cancel": merchant.Cancel(transactionId="b"),
    "chargeCancelled": service.Charge(transactionId="b", **card),
    "badNumber": fault(cardNumber="4111111111111112"),
    "badMonth": fault(expirationDate="01/20"),
    "badCode": fault(securityCode="12"),
    "badId": fault("Find", transactionId=" "),
    "refused": service.Find(transactionId="refused"),
}
print(json.dumps(answers))
