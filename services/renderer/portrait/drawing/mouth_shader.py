"""The mouth's shaders. Everything is px around the middle of the mouth, y down; linear light until `film`."""

_OUTLINE = """
uniform float4 A;   // half width, corner y, upper gap, lower gap
uniform float4 B;   // lip thicknesses, upper and lower teeth edges
uniform float4 C;   // tongue top, tongue forward, smile, openness
uniform float4 D;   // contrast of the lip border, softness of the edge, tongue raised, lip shine
uniform float3 key; uniform float3 amb; uniform float3 lip; uniform float3 shadowc;
float3 film(float3 x){ x=max(x,0.0); float3 y=clamp((x*(2.51*x+.03))/(x*(2.43*x+.59)+.14),0.,1.);
  float3 a=sqrt(y), b=sqrt(a), c=sqrt(b); return .662*a+.68412*b-.32358*c-.02254*y; }
float ramp(float k,float o,float x){ return clamp(x*k+o,0.,1.); }
half4 main(float2 p){
  float w=A.x, y=p.y, u=clamp(p.x/w,-1.,1.), s=abs(u), a=max(1.-u*u,0.), ra=sqrt(a);
  float ob=(1.-.7*C.w)*(1.-.75*C.z), q4=s-.42;
  float line=A.y*u*u*(1.+.09*u)+ob*(1.3*exp(-u*u*20.)-.9*exp(-q4*q4*22.));
  float iu=line-A.z*mix(ra,a,.42), il=line+A.w*mix(ra,a,.2);
  float k=max(s-.20,0.)*1.25;
  float hU=mix(.76,1.,ramp(4.762,-0.,s))*(1.-mix(k,k*k,.3)), hL=mix(ra,a,.75-.35*C.z);
  float ou=iu-B.x*hU, ol=il+B.y*hL, ax=abs(p.x);
  float inx=ramp(-.556,.556*w+.333,ax);
"""

LIPS = (
    _OUTLINE
    + """  float es=.6667/D.y;
  float cU=ramp(es,.5,y-ou)*ramp(.9091,.72,iu-y)*inx;
  float cL=ramp(.9091,.72,y-il)*ramp(.75*es,.5,ol-y)*inx;
  // lips: a small lit surface
  float mid=(iu+il)*.5, up=ramp(-.48,.5,y-mid);
  float vU=clamp((y-ou)/max(iu-ou,.3),0.,1.), vL=clamp((y-il)/max(ol-il,.3),0.,1.);
  float cre=.07*sin(p.x*1.55+1.6*sin(p.x*.53))*(.4+.6*a);
  float ny=mix(mix(-.50,.62,vL*vL*(3.-2.*vL)),mix(-.34,.66,vU*vU),up);
  float nx=u*.52+cre, nz=sqrt(max(1.-nx*nx-ny*ny,.05));
  float3 n=float3(nx,ny,nz);
  float nl=dot(n,float3(-.542,-.462,.702));
  float3 d=clamp((nl+float3(.42,.26,.22))*float3(.704,.794,.820),0.,1.);
  float nh=max(dot(n,float3(-.294,-.250,.923)),0.);
  float h2=nh*nh, h4=h2*h2, h8=h4*h4, h16=h8*h8, h32=h16*h16;
  float occ=1.-.62*exp(-max(mix(y-il,iu-y,up),0.)*.68)*(1.-.25*C.w);
  float bord=mix(ramp(-3.571,3.571,vL),ramp(4.,-0.,vU),up);
  float3 c=lip*mix(float3(1.)+D.x*float3(.25,.35,.3),float3(1.),bord)*(d*key*occ+amb*occ);
  c+=D.w*(.10*h16+.42*h32*h32)*(1.-up*.75)*(.75+2.2*cre)*occ*.62*key;
  float al=clamp(cU+cL,0.,1.);
  float3 col=film(c);
  // lip line, then soft shading on the skin around: under-lip shadow, corners, light on the upper border
  float ln=exp(-(y-mid)*(y-mid)*.42)*inx*(1.-ramp(.3333,-0.,il-iu))*(.55+.45*s);
  col=mix(col,shadowc*.42,.62*ln*al);
  float dl=y-ol, e1=(dl-3.2)*.294, e2=(y-ou+1.3)*.909;
  float2 dc=float2((ax-w)*.8,(y-A.y)*.75);
  float sh=max(.34*exp(-e1*e1)*mix(ra,a,.65)*step(-1.,dl),.26*exp(-dot(dc,dc)*.10));
  float hl=.16*exp(-e2*e2)*ramp(-1.818,1.364,s)*(1.-al);
  return half4(half3(col*al+(1.-al)*(shadowc*sh+float3(1.,.86,.74)*hl)),half(al+(1.-al)*(sh+hl)));
}
"""
)

INSIDE = (
    _OUTLINE
    + """  float cI=ramp(1.,1.1,y-iu)*ramp(1.,1.1,il-y)*inx*ramp(10.8,-.36,C.w);
  float3 ic=float3(.030,.006,.006)*(1.2-.5*ramp(.08333,-0.,il-y));
  float tx=clamp(p.x*.0323,-1.,1.), t2=tx*tx, th=tx*(1.+t2*(.1667+t2*(.075+.33*t2*t2)));
  float dim=(1.-.20*u)*mix(.22,1.,ramp(-1.667,1.55,s));
  // tongue
  float hw=mix(.80,.64,C.y)*w, tq=min(ax/hw,1.2);
  float tt=C.x+(3.+5.*C.w)*tq*tq*mix(1.,tq,.6), ct=ramp(.625,.5,y-tt)*step(.04,C.w)*ramp(-5.,5.75,tq);
  float tv=clamp((y-tt)*.1,0.,1.), t3=(p.x+6.)*.222, t4=(tv-.30)*6.25;
  float3 tc=mix(float3(.46,.125,.118),float3(.62,.19,.19),max(C.y,D.z*.6));
  tc*=(.38+1.0*ramp(2.857,-0.,tv)*(1.-.55*tv))*(1.-.30*exp(-p.x*p.x*.10)*(1.-C.y*.7))*dim*mix(.62,1.12,max(C.y,D.z));
  tc+=.07*exp(-t3*t3-t4*t4)*dim;
  ic=mix(ic,tc,ct*(1.-C.y));
  // lower teeth
  float cl=abs(2.*fract(th*5.+.5)-1.), c2=cl*cl, c6=c2*c2*c2, el=B.w+3.0*u*u+.5*c6;
  float3 tl=float3(.36,.325,.285)*dim*(1.-.22*c6*c2*c2)*mix(.60,.9,ramp(.25,-0.,y-el));
  ic=mix(ic,tl,ramp(1.,.5,y-el)*ramp(-5.556,5.,s));
  // upper teeth
  float cu=abs(2.*fract(th*3.333)-1.), u2=cu*cu, u4=u2*u2, at=abs(th);
  float eu=B.z-2.3*u*u-.55*u4*cu-.6*ramp(7.692,-1.923,at)+.3*ramp(10.,-5.,at);
  float3 tu=float3(.54,.495,.435)*dim*(1.-.24*u4*u4*cu)*mix(.34,1.,ramp(.2222,.1111,y-iu));
  tu*=mix(1.,.80,ramp(-.4,1.,eu-y));
  float g1=(p.x+5.)*.333, g2=(y-eu+3.2)*.667;
  tu+=.10*exp(-g1*g1-g2*g2);
  ic=mix(ic*(1.-.45*exp(-max(y-eu,0.)*.35)),tu,ramp(1.,.5,eu-y)*ramp(-6.25,6.25,s));
  ic=mix(ic,tc,ct*C.y);
  ic*=1.-.5*exp(-max(il-y,0.)*.7)*(1.-.6*C.y);
  return half4(half3(film(ic)*cI),half(cI));
}
"""
)
